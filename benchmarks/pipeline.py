"""The demo's pipeline under DVC: cold in a fresh clone, and again with nothing changed.

All run the same functions of `src` and must give the same metrics and predictions:

- `dvc repro`;
- `strata repro`, whose stages are forks of one Python with their imports loaded;
- one process: the stages' `main`, one after the other;
- a plain script, which passes frames in memory, and a Kedro project, which passes them through its
  catalog; both build partitions on one core.

Only DVC notices that nothing has changed: one process and the script do everything again, and
Kedro's `--only-missing-outputs` checks which files exist, not what is in them.
"""

import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.environment import QUIET, program
from benchmarks.measure import Cost, Row, Section, clone, cost_of, middle

STAGES = ["params", "ingest", "prepare", "featurize", "train", "evaluate", "explain"]
IN_ONE_PROCESS = "; ".join(
    [
        "import sys; sys.path.insert(0, 'src'); import kit.params, " + ", ".join(STAGES),
        "print(kit.params.keep_contract(params.Params))",
        *(f"print({stage}.main())" for stage in STAGES[1:]),
    ]
)
ROUNDS = 3
OURS, FORKED = "`dvc repro`", "`strata repro`"
BESIDE = ["one process", "plain script", "Kedro"]
KEDRO = "benchmarks/peers/kedro"


def ways(root: Path, *, again: bool) -> dict[str, tuple[Path, list[Any]]]:
    """How to run the pipeline of a clone: a folder and a command each."""
    kedro = [program("kedro"), "run", *(["--only-missing-outputs"] if again else [])]
    return {
        # Up to the stage that the peers end with, too: none of them writes a card.
        OURS: (root, ["dvc", "repro", "--quiet", STAGES[-1]]),
        FORKED: (root, ["strata", "repro", "--quiet", STAGES[-1]]),
        "one process": (root, [sys.executable, "-c", IN_ONE_PROCESS]),
        "plain script": (root, [sys.executable, "benchmarks/peers/script.py"]),
        "Kedro": (root / KEDRO, kedro),
    }


def ready(root: Path) -> Path:
    """A clone without data, whose Kedro project has the params as Kedro wants them."""
    shutil.copyfile(clone(root) / "params.yaml", root / KEDRO / "conf/base/parameters.yml")
    (root / KEDRO / "conf/local").mkdir()
    return root


def cost(root: Path, way: str, *, again: bool = False) -> Cost:
    folder, command = ways(root, again=again)[way]
    return cost_of(folder, *command, PYTHONPATH=f"{root}/src:{root}/benchmarks/peers", **QUIET)


def agree(ours: Path, peers: Path) -> None:
    """Whether another way came to the same: bytes of the metrics, values of the predictions."""
    names = ["metrics.json", "predictions.parquet"]
    (one, said), (two, told) = ([folder / name for name in names] for folder in (ours, peers))
    if pd.read_json(one).to_dict() != pd.read_json(two).to_dict():
        raise SystemExit(f"{one} and {two} differ")
    pd.testing.assert_frame_equal(pd.read_parquet(said), pd.read_parquet(told))


def rows(sizes: list[int]) -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as folder:
        cold: dict[str, list[Cost]] = {way: [] for way in [OURS, FORKED, *BESIDE]}
        warm: dict[str, list[Cost]] = {way: [] for way in [OURS, "Kedro"]}
        for number in range(ROUNDS):
            roots = {way: ready(Path(folder) / f"{number} {way.strip('`')}") for way in cold}
            for way, root in roots.items():
                cold[way].append(cost(root, way))
            for way in [FORKED, *BESIDE]:
                made = roots[way] / (f"{KEDRO}/data" if way == "Kedro" else "")
                agree(roots[OURS] / "metrics", made / "metrics")
            for way in warm:
                warm[way].append(cost(roots[way], way, again=True))
        nothing = middle(warm[OURS])
        for ours in (OURS, FORKED):
            for way in BESIDE:
                yield Row(f"{ours}, cold", way, middle(cold[ours]), middle(cold[way]))
        for way in ("one process", "plain script"):
            yield Row(f"{OURS}, nothing changed", f"{way}, all again", nothing, middle(cold[way]))
        yield Row(
            f"{OURS}, nothing changed", "Kedro, no file missing", nothing, middle(warm["Kedro"])
        )


SECTION = Section("1. The pipeline", __doc__, rows, ["kedro", "kedro-datasets"])
