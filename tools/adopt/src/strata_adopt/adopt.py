"""Put the user's own table in the place of the demo's: the code, the tests, the first model.

All of it is written and tried in a clone. Only then is the workspace moved to it, whole or not at
all, and nothing is committed.
"""

import argparse
import contextlib
import difflib
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from strata import git
from strata.compare.baselines import doubts
from strata.compare.evidence import usual_headline
from strata.compare.verdict import Evidence
from strata.core.errors import Fault
from strata.core.page import show_rows
from strata.core.texts import counted, inert
from strata.core.values import flatten
from strata.dvc.revision import Revision
from strata.dvc.store import Store, opened
from strata.git import refs
from strata.restore import checkout, workspace
from strata.restore.obtain import ensure_cached
from strata_adopt import again, asking, editing, sources, writing
from strata_adopt.plan import PARTITIONS, Options, Plan, observe, propose, unsettled
from strata_adopt.scan import scan
from strata_adopt.sources import Source

MOST = 60  # columns that are listed; of more, those with something to say
WAY_BACK = (
    "rm -r data/source && git restore --staged --worktree . && dvc checkout --quiet --allow-missing"
)
CONFLICTS = """\
You and adopt changed the same lines of {}; nothing was run. Next:
  git diff                                 # choose between the marks <<<<<<< and >>>>>>>
  git add --all && make repro test         # `git reset --hard && dvc checkout` undoes it all
  git commit -m "Adopt the data again"
"""
NEXT = f"""\
Nothing is committed yet. Next:
  git diff --cached --stat                 # what adopt wrote; REVIEW marks what you know better
  git commit -m "Put in our own data"
  make test                                # the tests of your pipeline
  strata seeds 5                           # how much of a difference is the seed's alone
Or back to what there was:
  {WAY_BACK}"""


def run(args: argparse.Namespace) -> int:
    """Adopt a table: 0 if it is in place, or with --dry-run could be, else 1."""
    root = git.top()
    check_ready(root)
    options = Options(
        args.target, args.time, args.group, tuple(args.key), args.weight, args.positive, args.task,
        tuple(args.drop),
    )  # fmt: skip
    with source_of(args.source, args.query, args.header) as source:
        report(f"reading {args.source}")
        table = scan(source, args.dates)
        report(f"looking closely at {len(table.sample):,} of {table.rows:,} rows")
        former = again.read(root)
        if former:
            options = again.recall(options, former.options, table)
        ambiguous = unsettled(table, options)
        if ambiguous and not args.yes and not args.dry_run:
            table = scan(source, asking.order(*ambiguous))
        notes = observe(table, options.target)
        plan = propose(table, options, notes)
        show(plan, args.source)
        if not args.yes and not args.dry_run:
            if not args.header:
                asking.header(source)
            options = asking.absent_columns(table, options)
            options = asking.late_columns(table, options)
            options = asking.split(propose(table, options, notes), options)
            plan = propose(table, options, notes)
        merged = merge(plan, root, former)
        if (root / "data/source.dvc").exists():  # adopted before
            print(difference(root, merged))
        elif args.dry_run:
            print(listing(root, merged))
        else:
            print(f"writes {len(merged.texts)} files, and removes {len(merged.gone)} of the demo's")
        if args.dry_run or not (args.yes or asking.confirm("Write this, and run it?")):
            print("nothing was written")
            return int(not args.dry_run)
        with opened(root) as store:
            adopt(store, plan, merged)
    if merged.conflicts:
        again.mark(root, merged)
        print(CONFLICTS.format(", ".join(merged.conflicts)), end="")
        return 1
    print((root / "metrics/README.md").read_text(encoding="utf-8"))
    print(simpler(plan, root / "metrics/metrics.json"), NEXT, sep="")
    return 0


def simpler(plan: Plan, metrics: Path) -> str:
    """A line on the linear model, if the one in place is not shown to be better; else nothing."""
    values = flatten(json.loads(metrics.read_text(encoding="utf-8")))
    found = doubts(usual_headline(values), Evidence({}, values))
    doubt = next((doubt for doubt in found if doubt.other == "baseline"), None)
    if doubt is None:
        return ""
    linear = "ridge" if plan.task == "regression" else "logistic_regression"
    word = "better" if doubt.is_worse else "as good, for all one can tell"
    return f"A linear model is {word}; to take it: dvc exp run -S train.model={linear}\n\n"


def report(text: str) -> None:
    """Tell a person who waits what is going on."""
    print(f"adopt: {text}", file=sys.stderr, flush=True)


def check_ready(root: Path) -> None:
    """Raise Fault if this is no project of the template, or something could be lost."""
    if (root / "src/partitions.py").is_file():
        raise Fault(
            "this project's template had no src/kit yet, which the code that adopt writes stands "
            "on: docs/template.md says how to move to it"
        )
    for name in ("dvc.yaml", "src/kit/base/build.py", "src/params.py", "pyproject.toml"):
        if not (root / name).is_file():
            raise Fault(
                f"{root} has no {name}: adopt works in a repository made from Strata's template"
            )
    tracked = git.changes(root, untracked=False)
    changed = [path for path in tracked if not path.startswith("data/source")]
    if changed:
        raise Fault(
            f"{len(changed)} files differ from the last commit, such as {changed[0]}: commit or "
            "stash them, so that nothing of yours gets lost"
        )


@contextlib.contextmanager
def source_of(place: str, query: str | None, header: list[int]) -> Iterator[Source]:
    """The table's source. A database is asked once; its answer is kept for the time of a block."""
    if query is None:
        yield sources.from_files(place, header)
        return
    with sources.answer(place, query) as source:
        yield source


def show(plan: Plan, place: str) -> None:
    """Print the columns with their roles and remarks, and the plan."""
    print(f"{place}: {plan.table.rows:,} rows, {len(plan.fields)} columns")
    rows = [["column", "type", "role", "missing", "distinct", "example", "remark"]]
    for field in plan.fields:
        if len(plan.fields) <= MOST or field.role != "feature" or field.remarks:
            values = plan.table.sample[field.column.name].dropna()
            *cells, remark = field.described
            rows.append([*cells, str(next(iter(values), ""))[:24], remark])
    show_rows(rows)
    if more := len(plan.fields) + 1 - len(rows):
        print(f"and {more} more features")
    if plan.table.step > 1:
        print(f"(remarks and roles are by 1 row in {plan.table.step}; types and counts by all)")
    for remark in plan.remarks:
        print(inert(remark))
    print(inert(summary(plan)))


def summary(plan: Plan) -> str:
    """The task, the split and the partitions, in a line."""
    task = f"{plan.task} of {plan.positive!r}" if plan.task == "binary" else plan.task
    test, validation, group = plan.test, plan.validation, plan.one("group")
    if plan.by == "time":
        split = f"test on the newest {counted(int(test), str(plan.period))}, "
        split += f"validation on the {counted(int(validation), str(plan.period))} before"
    else:
        rows = {
            "group": f"in whole groups by {group.name if group else ''}",
            "stratified": "at random, each class in its share",
            "random": "at random",
        }[plan.by]
        split = f"{test:.0%} test, {validation:.0%} validate, {rows}"
    return f"task: {task}; {split}; one partition {PARTITIONS[plan.partition]}"


def merge(plan: Plan, root: Path, former: again.Record | None) -> again.Merge:
    """What becomes of the files: the demo's go; of an adopted project, what its owner made stays.

    Of one that was adopted without a record, all that differs is a conflict.
    """
    then = former.texts if former else {}
    now = writing.render(plan, root, then.get("dvc.yaml"))
    edited = editing.edit(plan, root, then.get("pyproject.toml"))
    now = formatted(now, root) | {"pyproject.toml": edited.pop("pyproject.toml")}
    if (root / "data/source.dvc").exists():
        settings = (root / "pyproject.toml").read_text(encoding="utf-8")
        merged = again.merge(root, {"pyproject.toml": settings} | then, now)
    else:
        gone = [name for name in editing.demo_files(root) if name not in now]
        merged = again.Merge(dict(now), gone)
    merged.texts |= edited | {again.RECORD: again.write(plan, now)}
    return merged


def listing(root: Path, merged: again.Merge) -> str:
    """The files that are written and removed, a line each."""
    lines = [
        f"{'edit ' if (root / name).exists() else 'write'}  {name}  {text.count(chr(10))} lines"
        for name, text in sorted(merged.texts.items())
    ]
    return "\n".join([*lines, *(f"remove {name}" for name in merged.gone)])


def difference(root: Path, merged: again.Merge) -> str:
    """What changes in a project that was adopted before, as a diff."""
    lines: list[str] = []
    for name in sorted(merged.texts.keys() - {again.RECORD}):
        old = (root / name).read_text(encoding="utf-8") if (root / name).exists() else ""
        both = (old.splitlines(keepends=True), merged.texts[name].splitlines(keepends=True))
        lines += difflib.unified_diff(*both, f"a/{name}", f"b/{name}")
    lines += [f"removes {name}\n" for name in merged.gone]
    lines += [f"conflict in {name}: marked in it\n" for name in merged.conflicts]
    return "".join(lines) or "nothing of the code changes"


def formatted(texts: dict[str, str], root: Path) -> dict[str, str]:
    """The texts of files, as the project's formatter has them. Raises Fault if ruff fails."""
    with tempfile.TemporaryDirectory(prefix="strata-") as folder:
        code = {Path(folder, name): name for name in texts if name.endswith(".py")}
        for path, name in code.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(texts[name], encoding="utf-8", newline="\n")
        steps = (
            ["check", "--fix-only", "--select", "I,F401"],
            ["format"],
            ["check", "--add-noqa", "--select", "E501"],  # a column's name may be long
        )
        for step in steps:
            done = subprocess.run(
                [sys.executable, "-P", "-m", "ruff", *step, "--quiet", "--no-cache", "--config",
                 root / "pyproject.toml", *code],
                capture_output=True, text=True, encoding="utf-8", check=False,
            )  # fmt: skip
            if done.returncode:
                raise Fault(f"ruff {step[0]}: {(done.stderr or done.stdout).strip()}")
        return texts | {name: path.read_text(encoding="utf-8") for path, name in code.items()}


def adopt(store: Store, plan: Plan, merged: again.Merge) -> None:
    """Make the project in a clone, run it there, and move the workspace to it.

    With conflicts it is not run, and the files that have them stay as they are.

    Raises Fault, with the workspace as it was, if any of it fails.
    """
    root, place = store.root, store.root / ".dvc/tmp"
    place.mkdir(parents=True, exist_ok=True)
    for left in place.glob("adopt-*"):  # by an adoption that was killed
        shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix="adopt-", dir=place) as folder:
        report("writing all of it in a clone; your repository changes only once it has run there")
        clone = checkout.clone(store, refs.commit_of("HEAD", root), Path(folder) / root.name)
        write(clone, merged)
        shutil.rmtree(clone / "data/source", ignore_errors=True)
        (clone / "data/source").mkdir(parents=True)
        for name, path in plan.table.source.files.items():
            shutil.copyfile(path, clone / "data/source" / name)
        checkout.dvc("add", "--quiet", "data/source", root=clone)
        if not merged.conflicts:
            run_all(clone, folder)
        who = ("-c", "user.name=strata", "-c", "user.email=strata@localhost")
        git.add(clone, "--all")
        git.git(*git.QUIET, *who, "commit", "--quiet", "--no-verify", "-m", "Adopt", root=clone)
        git.git("fetch", "--quiet", str(clone), "HEAD", root=root)
        report("moving your repository to it")
        move(store, refs.commit_of("HEAD", clone))


def run_all(clone: Path, folder: str) -> None:
    """Run the pipeline and its tests, with ``folder`` for their temporary files.

    test_reads.py holds dvc.yaml against the stages, whatever the table: `make test` runs it, and
    the quarter of the time that it takes is saved here.
    """
    env = checkout.programs() | {"TMPDIR": folder}  # what is killed leaves nothing elsewhere
    tests = "pytest -q -p no:cacheprovider tests --ignore tests/test_reads.py"
    for name, command, what in (
        ("strata repro", checkout.strata_command("repro"), "running the pipeline"),
        (tests, [sys.executable, "-P", "-m", *tests.split()], "testing it on a small table"),
    ):
        report(what)
        if checkout.run(command, clone, env):
            raise Fault(
                f"`{name}` fails on what was written; its own message is above. Your repository "
                "is as it was"
            )


def write(root: Path, merged: again.Merge) -> None:
    """Write and remove files, but for those with conflicts."""
    for name in merged.gone:
        (root / name).unlink(missing_ok=True)
    for name, text in merged.texts.items():
        if name not in merged.conflicts:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text, encoding="utf-8", newline="\n")


def move(store: Store, commit: str) -> None:
    """Move the workspace to a commit, proven, and leave what it changes in the index."""
    root, target = store.root, Revision(store, commit)
    branch = git.git("branch", "--show-current", root=root)
    head = refs.commit_of("HEAD", root)
    with ensure_cached(store, target, target.outputs) as outs:
        workspace.move(store, target, commit, outs)
    if branch:
        git.git("symbolic-ref", "HEAD", f"refs/heads/{branch}", root=root)
    else:
        git.git("update-ref", "--no-deref", "HEAD", head, root=root)
