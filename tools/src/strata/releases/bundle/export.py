"""The export of a model by the code of its own revision, such as to ONNX."""

import shlex
import shutil
import tempfile
from pathlib import Path

from strata import git
from strata.core import consent
from strata.core.errors import Fault
from strata.core.trust import within
from strata.dvc.revision import Revision
from strata.dvc.store import Store
from strata.restore import checkout
from strata.restore.obtain import ensure_cached

CANNOT = 3  # what the export's command ends with if this model cannot be exported


def run(store: Store, revision: Revision, command: str, out: Path) -> list[str]:
    """Have a revision export its model into the folder ``out``; returns why there is no ONNX.

    The command gets the folder as its last argument, and runs in a clone with all outputs of the
    revision and the environment that it pins, for people as well. Raises Fault if it fails.
    """
    consent.check(consent.EXPORT)
    words = shlex.split(command)
    if not words:
        raise Fault("[tool.strata.release]: export is empty")
    with (
        ensure_cached(store, revision, revision.outputs),
        tempfile.TemporaryDirectory(prefix="strata-") as parent,
    ):
        root = checkout.clone(store, str(revision.commit), Path(parent) / store.name)
        for output in revision.outputs:
            within(root, root / output.path)
        if paths := [output.path for output in revision.outputs]:
            checkout.dvc("checkout", "--force", *paths, root=root)
        env = checkout.environment(store.root, revision, root, whole=True)
        program = shutil.which(words[0], path=env["PATH"])
        if program is None:
            raise Fault(f"[tool.strata.release]: export: there is no program {words[0]}")
        code = checkout.run([program, *words[1:], str(out)], root, env)
        if edited := git.edits(root, untracked=False):
            raise Fault(f"`{command}` changes {edited[0]}: an export only writes into its folder")
    if code == CANNOT:
        return [f"no ONNX: `{command}` cannot export this model, and says why above"]
    if code:
        why = f"its own message is above{checkout.withheld(env)}"
        raise Fault(f"`{command}` of {revision.name} fails; {why}")
    if not any(path.suffix == ".onnx" for path in out.rglob("*")):
        return [f"no ONNX: `{command}` wrote none"]
    return []
