"""Put the user's own table in the place of the demo's: the code, the tests, the first model.

All of it is made and tried in a clone apart. Only then is the workspace moved to it, whole or not
at all, and nothing is committed.
"""

import argparse
import contextlib
import difflib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from strata import git
from strata.core.errors import Fault
from strata.core.texts import inert
from strata.core.values import aligned
from strata.dvc.revision import Revision
from strata.dvc.store import Store, opened
from strata.git import refs
from strata.restore import checkout, workspace
from strata.restore.checkout import clone, dvc, programs
from strata.restore.obtain import obtained
from strata_adopt import asking, editing, sources, writing
from strata_adopt.proposal import Options, Proposal, noted, proposed
from strata_adopt.scan import scanned
from strata_adopt.sources import Source

MOST = 60  # columns that are listed; of more, those with something to say


def run(args: argparse.Namespace) -> int:
    """Adopt a table: 0 if the workspace has a project of its own, or would have it, else 1."""
    root = git.top()
    refuse_what_is_not_ready(root)
    options = Options(
        args.target, args.time, args.group, tuple(args.key), args.weight, args.positive, args.task,
        tuple(args.drop),
    )  # fmt: skip
    with found(args.source, args.query) as source:
        table = scanned(source)
        notes = noted(table, options.target)
        made = proposed(table, options, notes)
        show(made, args.source)
        if not args.yes and not args.dry_run:
            options = asking.known_in_time(table, options)
            options = asking.split(proposed(table, options, notes), options)
            made = proposed(table, options, notes)
        texts = writing.written(made, root.name) | editing.edited(root, made, root.name)
        gone = [name for name in editing.removed(root) if name not in texts]
        again = (root / "data/source.dvc").exists()
        if again:
            print(difference(root, texts))
        elif args.dry_run:
            print(listing(root, texts, gone))
        else:
            print(f"writes {len(texts)} files, and removes {len(gone)} of the demo's")
        if args.dry_run:
            print("nothing was written")
            return 0
        if not args.yes and not asking.agreed("Write this, and run it?"):
            print("nothing was written")
            return 1
        with opened(root) as store:
            adopt(store, made, texts, gone)
    print((root / "metrics/README.md").read_text(encoding="utf-8"))
    print(NEXT)
    return 0


NEXT = """\
Nothing is committed yet. Next:
  git diff --cached --stat                 # what adopt wrote; REVIEW marks what you know better
  git commit -m "Put in our own data"
  make test                                # the tests of your pipeline"""


def refuse_what_is_not_ready(root: Path) -> None:
    """Raise Fault if this is no project of the template, or something could be lost."""
    if (root / "src/partitions.py").is_file():
        raise Fault(
            "the stages here are of a version of the template that had no src/kit, on which what "
            "adopt writes stands: docs/template.md says how to move to it"
        )
    for name in ("dvc.yaml", "src/kit/base/build.py", "src/params.py", "pyproject.toml"):
        if not (root / name).is_file():
            raise Fault(
                f"{root} has no {name}: adopt works in a repository made from Strata's template"
            )
    changed = [change for change in git.changes(root) if not change.startswith("??")]
    changed = [change for change in changed if not change[3:].startswith("data/source")]
    if changed:
        raise Fault(
            f"{len(changed)} files differ from the last commit, such as {changed[0][3:]}: commit "
            "or stash them, so that nothing of yours gets lost"
        )


@contextlib.contextmanager
def found(place: str, query: str | None) -> Iterator[Source]:
    """The table's source; a database's is asked once, and kept until it is in the project."""
    if query is None:
        if "://" in place or place.startswith("env:"):
            raise Fault("a database needs --query, the SQL that gives the table")
        yield sources.opened(place)
        return
    with tempfile.TemporaryDirectory(prefix="strata-") as folder:
        yield sources.queried(place, query, Path(folder))


def show(made: Proposal, place: str) -> None:
    """Print the columns with their roles, and what was seen."""
    rows = [["column", "type", "role", "missing", "distinct", "example", "remark"]]
    for each in made.fields:
        if len(made.fields) > MOST and each.role == "feature" and not each.remarks:
            continue
        sample = made.table.sample[each.column.name].dropna()
        example = str(sample.iloc[0])[:24] if len(sample) else ""
        *described, said = each.described
        rows.append([*described, example, said])
    print(f"{place}: {made.table.rows:,} rows, {len(made.fields)} columns")
    print(aligned(rows))
    if len(made.fields) > len(rows) - 1:
        print(f"and {len(made.fields) - len(rows) + 1} more features")
    if made.table.step > 1:
        print(f"(remarks and roles are by 1 row in {made.table.step}; types and counts by all)")
    for remark in made.remarks:
        print(inert(remark))
    print(plan(made))


def plan(made: Proposal) -> str:
    """The task, the split and the partitions, in a line."""
    what = f" of {made.positive!r}" if made.task == "binary" else ""
    if made.by == "time":
        how = f"the newest {made.test} {made.period}s test, {made.validation} before them validate"
    else:
        group = made.one("group")
        chosen = {
            "group": f"in whole groups by {group.name if group else ''}",
            "stratified": "at random, each class in its share",
            "random": "at random",
        }[made.by]
        how = f"{made.test:.0%} test, {made.validation:.0%} validate, {chosen}"
    parts = {"all": "for all rows", "file": "a source file", "month": "a month"}[made.partition]
    return inert(f"task: {made.task}{what}; {how}; one partition {parts}")


def listing(root: Path, texts: dict[str, str], gone: list[str]) -> str:
    """What is written and what goes, a line a file."""
    lines = [
        f"{'edit ' if (root / name).exists() else 'write'}  {name}  {text.count(chr(10))} lines"
        for name, text in sorted(texts.items())
    ]
    return "\n".join([*lines, *(f"remove {name}" for name in gone)])


def difference(root: Path, texts: dict[str, str]) -> str:
    """What changes in a project that was adopted before, as a diff."""
    found: list[str] = []
    for name, text in sorted(texts.items()):
        old = (root / name).read_text(encoding="utf-8") if (root / name).exists() else ""
        lines = (old.splitlines(keepends=True), formatted(name, text).splitlines(keepends=True))
        found += difflib.unified_diff(*lines, f"a/{name}", f"b/{name}")
    return "".join(found) or "nothing of the code changes"


def formatted(name: str, text: str) -> str:
    """A file's text as the formatter has it."""
    if not name.endswith(".py"):
        return text
    return _ruff("format", "--stdin-filename", name, "-", given=text)


def _ruff(*arguments: str, given: str = "", root: Path | None = None) -> str:
    done = subprocess.run(
        [sys.executable, "-P", "-m", "ruff", *arguments],
        cwd=root, input=given, capture_output=True, text=True, encoding="utf-8", check=False,
    )  # fmt: skip
    if done.returncode:
        raise Fault(f"ruff {arguments[0]}: {(done.stderr or done.stdout).strip()}")
    return done.stdout


def adopt(store: Store, made: Proposal, texts: dict[str, str], gone: list[str]) -> None:
    """Make the project in a clone, run it there, and move the workspace to it.

    Raises Fault, with the workspace as it was, if any of it fails.
    """
    root, head = store.root, refs.commit_of("HEAD", store.root)
    place = store.root / ".dvc/tmp"
    place.mkdir(parents=True, exist_ok=True)
    for left in place.glob("adopt-*"):  # of one that was killed
        shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix="adopt-", dir=place) as folder:
        there = clone(store, head, Path(folder) / root.name)
        write(there, texts, gone)
        copy(made.table.source, there / "data/source")
        dvc("add", "--quiet", "data/source", root=there)
        print("running the pipeline", file=sys.stderr, flush=True)
        env = programs() | {"TMPDIR": folder}  # what is killed there leaves nothing elsewhere
        tests = "pytest -q -p no:cacheprovider tests"
        commands = {
            "strata repro": checkout.strata_command("repro"),
            tests: [sys.executable, "-P", "-m", *tests.split()],
        }
        for said, command in commands.items():
            if checkout.run(command, there, env):
                raise Fault(
                    f"`{said}` fails on what was written; its own message is above. "
                    "Your repository is as it was"
                )
        commit = committed(there)
        git.git("fetch", "--quiet", str(there), "HEAD", root=root)
        move(store, commit)


def write(there: Path, texts: dict[str, str], gone: list[str]) -> None:
    """Write and remove files, formatted as all code here is."""
    for name in gone:
        (there / name).unlink(missing_ok=True)
    shutil.rmtree(there / "metrics/plots", ignore_errors=True)
    for name, text in texts.items():
        (there / name).parent.mkdir(parents=True, exist_ok=True)
        (there / name).write_text(text, encoding="utf-8", newline="\n")
    names = [name for name in texts if name.endswith(".py")]
    _ruff("check", "--quiet", "--fix-only", "--select", "I,F401", *names, root=there)
    _ruff("format", "--quiet", *names, root=there)


def copy(source: Source, folder: Path) -> None:
    """Copy the source's files, under their names."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name, path in source.files.items():
        shutil.copyfile(path, folder / name)


def committed(there: Path) -> str:
    """A commit of all that lies in a clone, on no branch."""
    name = ("-c", "user.name=strata", "-c", "user.email=strata@localhost")
    git.add(there, "--all")
    git.git(*git.QUIET, *name, "commit", "--quiet", "--no-verify", "-m", "Adopt", root=there)
    return refs.commit_of("HEAD", there)


def move(store: Store, commit: str) -> None:
    """Move the workspace to a commit, proven, and leave what it changes in the index."""
    root, target = store.root, Revision(store, commit)
    branch = git.git("branch", "--show-current", root=root)
    head = refs.commit_of("HEAD", root)
    with obtained(store, target, target.outputs) as outs:
        workspace.move(store, target, commit, outs)
    if branch:
        git.git("symbolic-ref", "HEAD", f"refs/heads/{branch}", root=root)
    else:
        git.git("update-ref", "--no-deref", "HEAD", head, root=root)
