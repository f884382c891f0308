"""What a command costs before it does anything: on the demo, committed and up to date.

Beside them stand `import dvc.repo`, which whatever reads a pipeline needs, and `dvc checkout`.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measure import Cost, Row, Section, clone, cost_of, middle

ROUNDS = 5
COMMANDS = {
    "import dvc.repo": "python -c 'import dvc.repo'",
    "dvc checkout": "dvc checkout --quiet",
    "status": "strata status",
    "the hook of `git switch`": "strata hook post-checkout a b 1",
    "restore": "strata restore HEAD",
    "models": "strata models",
    **{f"{name} --help": f"strata {name} --help" for name in ("adopt", "report", "monitor")},
}
BESIDE = {"restore": "dvc checkout"}  # of all others the import


def rows(sizes: list[int]) -> Iterator[Row]:
    del sizes  # of one pipeline
    with tempfile.TemporaryDirectory() as name:
        project = clone(Path(name) / "project", data=True)
        took: dict[str, list[Cost]] = {what: [] for what in COMMANDS}
        for _ in range(ROUNDS):
            for what, command in COMMANDS.items():
                took[what].append(cost_of(project, "sh", "-c", command))
        for what in list(COMMANDS)[1:]:
            beside = BESIDE.get(what, "import dvc.repo")
            title = f"`dvc {what[4:]}`" if what.startswith("dvc ") else f"`strata {what}`"
            title = what if "hook" in what else title
            yield Row(title, f"`{beside}`", middle(took[what]), middle(took[beside]))


SECTION = Section("9. Starts", __doc__, rows, [], (0,))
