"""Clones and environments in which a revision runs, apart from the workspace."""

import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from strata import git
from strata.core import consent
from strata.core.errors import Fault
from strata.core.texts import listed
from strata.core.trust import within
from strata.dvc.revision import Revision
from strata.dvc.store import Offline, Store

# The variables that only HEAD's own programs see: by a word of their name, or by a password in the
# address that they hold.
WORDS = {"TOKEN", "SECRET", "PASSWORD", "PASSWD", "CREDENTIAL", "CREDENTIALS", "KEY", "AUTH"}
CLOUDS = ("AWS_", "AZURE_")
PASSWORD = re.compile(r"://[^/\s]*:[^/\s]+@")
INSTALLER = re.compile("(?i)(PIP|UV)_|(https?|all)_proxy$")  # what reaches a package index
DEV_LOCK = "requirements-dev.lock"
ANEW = {"RECOMPUTE": "1"}  # has the template's stages take no partition from the cache


def strata_command(*arguments: str) -> list[str]:
    """A command of this installation's strata."""
    return [sys.executable, "-P", "-m", "strata.cli", *arguments]


def dvc_command(*arguments: str) -> list[str]:
    """A command of this installation's dvc. PYTHONWARNINGS is for the stages that it runs."""
    return [sys.executable, "-P", "-W", "ignore", "-m", "dvc", *arguments]


def dvc(*arguments: str, root: Path, env: dict[str, str] | None = None) -> str:
    """Run this installation's dvc and return what it printed.

    Raises Fault with DVC's own reason if it fails. An exit code of 0 does not prove that anything
    was fetched: check.
    """
    code, printed = capture(dvc_command(*arguments), root, env or programs())
    if code:
        errors = [line for line in printed.splitlines() if line.startswith("ERROR")]
        lines = errors or printed.strip().splitlines()[-1:] or [f"exit code {code}"]
        raise Fault("\n".join(f"dvc {arguments[0]}: {line}" for line in lines))
    return printed


def programs(env: Mapping[str, str] = os.environ, *first: Path) -> dict[str, str]:
    """An environment, by default this process's, with these folders first on PATH.

    Where the tools are installed in the project's own environment, its programs come next, so that
    stages find their Python whether or not the environment is activated.
    """
    path = env.get("PATH", "")
    here = Path(sys.executable).parent
    ours = [here] if Path(sys.prefix).parent == git.top() else []
    return {**env, "PATH": os.pathsep.join([*map(str, [*first, *ours]), path])}


def check_braces(folder: Path) -> None:
    """Raise Fault for a folder in which DVC can run no stage: it fills in what is in braces."""
    if set("{}") & set(str(folder)):
        raise Fault(f"DVC runs no stage in a folder with braces in its path: rename {folder}")


def clone(store: Store, commit: str, folder: Path) -> Path:
    """Make ``folder`` a clone at a commit, with the same cache and no data yet.

    Returns the folder in it that has ``.dvc``. Raises Fault if the commit is missing.
    """
    check_braces(folder)
    top = git.toplevel(store.root)
    git.git(*git.QUIET, "clone", "--quiet", "--shared", "--no-checkout", str(top), str(folder))
    git.git(*git.QUIET, "checkout", "--quiet", "--detach", commit, root=folder)
    root = folder / store.root.relative_to(top)
    if (root / ".dvc").is_dir():
        store.lend_cache(root)
    return root


@contextmanager
def rebuilt(store: Store, revision: Revision, stages: Iterable[str] | None) -> Iterator[Path]:
    """Reproduce a commit in a temporary clone and yield the folder in it that has ``.dvc``.

    ``stages`` take what the cache has already; for None, every stage that is not frozen runs from
    scratch. All run in the commit's own environment, and what they make is in the cache afterwards.
    Raises Fault if the pipeline fails.
    """
    consent.check(consent.PIPELINE)
    commit = str(revision.commit)
    if stages is None:
        # One by one: with --force alone DVC would ask the sources of imports, too.
        all_of_them = [name for name, stage in revision.stages.items() if not stage.frozen]
        targets = ["--force", "--single-item", *all_of_them]
    else:
        targets = list(stages)
    with tempfile.TemporaryDirectory(prefix="strata-") as parent:
        root = clone(store, commit, Path(parent) / store.name)
        for out in revision.outputs:
            within(root, root / out.path)
        inputs, complaint = fetch_inputs(store, revision)
        if inputs:
            dvc("checkout", "--force", *inputs, root=root)
        env = environment(store.root, revision, root)
        if stages is None:
            env |= ANEW
        print(f"running the pipeline of {commit[:7]}", file=sys.stderr, flush=True)
        if run(dvc_command("repro", *targets), root, env):
            why = f". Some of its data is missing: {complaint}" if complaint else withheld(env)
            raise Fault(f"the pipeline of {commit[:7]} fails; its own message is above{why}")
        yield root


def make_again(store: Store, revision: Revision) -> None:
    """Run the pipeline of a commit if an output of it is neither in the cache nor on a remote.

    What it makes is in the cache afterwards. Raises Fault if it fails, or a remote is offline.
    """
    absent = [out for out in revision.outputs if out.is_rebuildable and store.missing(out)]
    store.fetch(absent)
    if stages := list(dict.fromkeys(out.stage for out in absent if store.missing(out))):
        with rebuilt(store, revision, stages):
            pass


def run(command: list[str], root: Path, env: dict[str, str]) -> int:
    """Run a command; its exit code. It and what it starts end with this process."""
    with started(command, root, env, stdout=sys.stderr) as process:
        return process.wait()


def capture(
    command: str | list[str],
    root: Path | None,
    env: Mapping[str, str] | None = None,
    echo: bool = False,
) -> tuple[int, str]:
    """Run a command, of a shell if it is one string; its exit code and its output.

    With ``echo`` the output is also shown as it comes, on standard error.
    """
    printed = []
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    text = {"encoding": "utf-8", "errors": "replace"}
    with started(command, root, env, **streams, **text) as process:
        for line in process.stdout or ():
            printed.append(line)
            if echo:
                print(line, end="", file=sys.stderr, flush=True)
        return process.wait(), "".join(printed)


@contextmanager
def started(
    command: str | list[str], root: Path | None, env: Mapping[str, str] | None, **options: Any
) -> Iterator["subprocess.Popen[Any]"]:
    """A command that runs beside a block, with options of ``subprocess.Popen``.

    If the block fails, as when a signal ends this process, the command and all that it has started
    are killed.
    """
    apart = sys.platform != "win32"  # in a group of its own, which can be ended as one
    shell = isinstance(command, str)
    with subprocess.Popen(
        command, cwd=root, env=env, shell=shell, start_new_session=apart, **options
    ) as process:
        try:
            yield process
        except BaseException:
            if apart:
                with suppress(ProcessLookupError):  # all have ended
                    os.killpg(process.pid, signal.SIGKILL)
            else:
                process.kill()
            raise


def fetch_inputs(store: Store, revision: Revision) -> tuple[list[str], str]:
    """Fetch what stages start from and none makes; the paths of what is there, and a complaint.

    What is absent is no error: only the stages know whether they need it.
    """
    inputs = [out for out in revision.outputs if not out.is_rebuildable]
    try:
        complaint = store.fetch(out for out in inputs if store.missing(out))
    except Offline as fault:
        complaint = str(fault)
    return [out.path for out in inputs if not store.missing(out)], complaint


def environment(
    home: Path, revision: Revision, root: Path, *, whole: bool = False
) -> dict[str, str]:
    """The environment variables for the stages of a revision, which is checked out at ``root``.

    If it pins other packages than the workspace, or is itself a package, its own environment is
    made there; with ``whole``, of what it pins for development as well. Only HEAD gets the user's
    tokens. Raises Fault if an environment cannot be made.
    """
    own = git.find_commit(home, "HEAD") == revision.commit
    given = dict(os.environ) if own else without_tokens(os.environ)
    installable = any(_builds(root / name) for name in ("pyproject.toml", "setup.py"))
    whole = whole and (root / DEV_LOCK).exists()
    same = same_pins(home, revision, *([DEV_LOCK] if whole else []))
    if same and not installable:
        return programs(given)
    print(f"making the environment of {revision.name[:7]}", file=sys.stderr, flush=True)
    venv = root / ".venv"
    tool = given | {k: v for k, v in os.environ.items() if INSTALLER.match(k)}
    uv("venv", "--quiet", "--python", sys.executable, str(venv), env=tool)
    # Named, since uv takes the Python that it runs in for the one that is meant.
    into = ("pip", "install", "--quiet", "--python", str(venv))
    if same:
        (site,) = venv.glob("[Ll]ib/**/site-packages")
        mine = [path for path in sys.path if Path(path).name == "site-packages"]
        (site / "_strata_outer.pth").write_text("\n".join(mine) + "\n", encoding="utf-8")
    else:
        names = (
            [DEV_LOCK]
            if whole or (installable and (root / DEV_LOCK).exists())
            else revision.pin_files
        )
        files = [str(root / name) for name in names]
        hashed = all("--hash=" in Path(file).read_text(encoding="utf-8") for file in files)
        options = ["--compile-bytecode", *(["--require-hashes"] if hashed else [])]
        for file in files:
            options += ["--requirement", file, "--build-constraints", file]
        uv(*into, *options, env=tool)
    if installable:
        editable = (*into, "--no-deps", "--editable", str(root))
        try:
            uv(*editable, "--no-build-isolation", env=tool)
        except Fault:
            uv(*editable, env=tool)
    return programs(given, next(venv.glob("[bS][ic][nr]*")))


def without_tokens(environment: Mapping[str, str]) -> dict[str, str]:
    """These variables without those that seem to hold a token, a key or a password."""
    return {
        name: value
        for name, value in environment.items()
        if not WORDS & set(name.upper().split("_"))
        and not name.upper().startswith(CLOUDS)
        and not PASSWORD.search(value)
    }


def withheld(env: Mapping[str, str]) -> str:
    """A sentence on the variables that a program did not get; empty if it got all."""
    names = sorted(set(os.environ) - set(env))
    how = "as does any revision but HEAD: to run it with them, check it out"
    return f". It ran without {listed(names, 3)}, {how}" if names else ""


def _builds(file: Path) -> bool:
    """Whether a pyproject.toml or setup.py makes a package of its folder."""
    if not file.is_file():
        return False
    return file.suffix == ".py" or "[build-system]" in file.read_text(encoding="utf-8")


def same_pins(home: Path, revision: Revision, *more: str) -> bool:
    """Whether a revision pins the workspace's packages, or none; in ``more`` files too."""
    return all(
        (home / name).is_file() and (home / name).read_bytes() == revision.bytes(name)
        for name in (*revision.pin_files, *more)
    )


def uv(*arguments: str, env: Mapping[str, str]) -> None:
    """Run uv. Raises Fault if it fails."""
    code, printed = capture([sys.executable, "-P", "-m", "uv", *arguments], None, env)
    if code:
        why = (printed.strip().splitlines() or ["no message"])[-1]
        raise Fault(f"uv {' '.join(arguments[:2])}: {why.strip()}")
