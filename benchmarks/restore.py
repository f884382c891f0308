"""Switching to another revision and back, with all outputs in the cache.

- `strata restore` proves every output by its hash, before and after the switch;
- `git checkout` with `dvc checkout` trusts the cache;
- copying the outputs' files proves nothing and knows no revisions.
"""

import shlex
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measure import Cost, Row, Section, cost_of, middle, run
from benchmarks.months import states

ROUNDS = 3
OUTPUTS = ["data", "models", "metrics"]


def check(project: Path, kept: Path) -> None:
    """Whether the outputs are just what they were."""
    for output in OUTPUTS:
        run(project, "diff", "--recursive", str(kept / output), output)


def rows(sizes: list[int]) -> Iterator[Row]:
    for count in sizes:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            project, commits, _ = states(folder, count)
            kept = {}
            for commit in commits:
                run(project, "git", "checkout", "--quiet", commit)
                run(project, "dvc", "checkout", "--quiet")
                kept[commit] = folder / commit
                for output in OUTPUTS:
                    shutil.copytree(project / output, kept[commit] / output)
            ways = {
                "strata": "strata restore {commit}",
                "`dvc checkout`": "git checkout --quiet {commit} && dvc checkout --quiet",
                "copying the files": "rm -r {outputs} && cp -R {kept}/. .",
            }
            took: dict[str, list[Cost]] = {way: [] for way in ways}
            for _ in range(ROUNDS):
                for way, command in ways.items():
                    for commit in commits:
                        text = command.format(
                            commit=commit,
                            outputs=" ".join(OUTPUTS),
                            kept=shlex.quote(str(kept[commit])),
                        )
                        took[way].append(cost_of(project, "sh", "-c", text))
                        check(project, kept[commit])
        ours, dvc, copied = (middle(costs) for costs in took.values())
        of = f"to a revision of {count} months"
        yield Row(f"`strata restore` {of}", "`dvc checkout`", ours, dvc)
        yield Row(f"`strata restore` {of}", "copying the files", ours, copied)
        yield Row(f"`dvc checkout` {of}", "copying the files", dvc, copied)


SECTION = Section("5. Going back", __doc__, rows, [], (10,))
