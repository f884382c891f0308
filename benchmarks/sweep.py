"""What a sweep costs over the bare training, and over DVC's own queue.

Four ways to run the same trials of the real training and evaluation with two workers, side by
side in one run, each in a clone of its own with a cache of its own:

- bare: the stages' own functions in a warm process loop of joblib, one thread each: the limit;
- sweep: `strata sweep --jobs 2`, start to end;
- queue: `dvc exp run --queue` and `dvc queue start -j 2`, as DVC documents it;
- tuned: the same queue for a user who knows to set OMP_NUM_THREADS=1: its workers else compete
  for the processors.

The trials go in rounds, bare, sweep, ..., bare, ..., so that what else the machine does falls on
all. `--flat` instead runs 24 and 240 trials of a training that takes next to no time.
"""

import argparse
import contextlib
import csv
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from joblib import Parallel, delayed, parallel_config
from ruamel.yaml import YAML

HOME = Path.cwd()
SECTION = "train.hist_gradient_boosting"
FAST = [f"{SECTION}.max_iter=1", "evaluate.bootstrap_samples=2"]
ONE_THREAD = os.environ | {"OMP_NUM_THREADS": "1"}
JOBS = 2


def clone(folder: Path, name: str) -> Path:
    """A clone of HEAD with its data, and a cache that knows no stage's earlier runs."""
    path = folder / name
    subprocess.run(["git", "clone", "--quiet", str(HOME), str(path)], check=True)
    cache = subprocess.check_output(["dvc", "cache", "dir"], text=True).strip()
    shutil.copytree(Path(cache) / "files", path / ".dvc/cache/files")
    subprocess.run(["dvc", "checkout", "--quiet"], cwd=path, check=True)
    return path


def work_bare(root: Path, learning_rate: str, leaves: str) -> None:
    """One trial in a warm process: a folder with links to the data, params.yaml, two stages."""
    import evaluate
    import train

    folder = root / f"bare-{os.getpid()}"
    if not folder.exists():
        folder.mkdir()
        (folder / "data").symlink_to(root / "data")
    os.chdir(folder)
    yaml = YAML()
    params = yaml.load((root / "params.yaml").read_text())
    params["train"]["hist_gradient_boosting"]["learning_rate"] = float(learning_rate)
    params["train"]["hist_gradient_boosting"]["max_leaf_nodes"] = int(leaves)
    with Path("params.yaml").open("w") as file:
        yaml.dump(params, file)
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):  # noqa: PTH123
        train.main()
        evaluate.main()


def imports() -> None:
    import evaluate  # noqa: F401
    import train  # noqa: F401


def bare(root: Path, rates: list[str], leaves: list[str], label: str) -> None:
    del label
    Parallel()(delayed(work_bare)(root, rate, leaf) for rate in rates for leaf in leaves)


def sweep(root: Path, rates: list[str], leaves: list[str], label: str) -> None:
    run_sweep(root, label, grid(rates, leaves))


def queue(root: Path, rates: list[str], leaves: list[str], label: str) -> None:
    run_queue(root, label, grid(rates, leaves), len(rates) * len(leaves), os.environ)


def tuned(root: Path, rates: list[str], leaves: list[str], label: str) -> None:
    run_queue(root, label, grid(rates, leaves), len(rates) * len(leaves), ONE_THREAD)


def grid(rates: list[str], leaves: list[str]) -> list[str]:
    return [
        f"{SECTION}.learning_rate={','.join(rates)}",
        f"{SECTION}.max_leaf_nodes={','.join(leaves)}",
    ]


def run_sweep(root: Path, label: str, settings: list[str]) -> None:
    command = ["strata", "sweep", "--name", label, "--jobs", str(JOBS), *varied(settings)]
    subprocess.run(command, cwd=root, check=True, stdout=subprocess.DEVNULL)


def run_queue(
    root: Path, label: str, settings: list[str], trials: int, env: Mapping[str, str]
) -> None:
    """DVC's queue, started again when its workers are gone before the work is done."""
    command = ["dvc", "exp", "run", "--queue", "--quiet", "--name", label, *varied(settings)]
    subprocess.run(command, cwd=root, check=True, env=env)
    start = ["dvc", "queue", "start", "--quiet", "--jobs", str(JOBS)]
    subprocess.run(start, cwd=root, check=True, env=env)
    checked = time.monotonic()
    refs = ["git", "for-each-ref", "--format=%(refname)", "refs/exps"]
    while True:
        names = subprocess.check_output(refs, cwd=root, text=True).split()
        if sum(f"/{label}-" in name for name in names) >= trials:
            return
        if time.monotonic() - checked > 20:
            said = subprocess.check_output(["dvc", "queue", "status"], cwd=root, text=True)
            if "No experiment" not in said and "0 active" in said:
                print("  the queue's workers are gone; starting it again")
                subprocess.run(start, cwd=root, check=True, env=env)
            checked = time.monotonic()
        time.sleep(0.5)


def varied(settings: list[str]) -> list[str]:
    return [part for setting in settings for part in ("-S", setting)]


def clock(run: Callable[..., None], *args: object) -> float:
    start = time.perf_counter()
    run(*args)
    return time.perf_counter() - start


def side_by_side(folder: Path, trials: int, rounds: int) -> None:
    ways: dict[str, Callable[..., None]] = {
        "bare": bare,
        "sweep": sweep,
        "queue": queue,
        "tuned": tuned,
    }
    roots = {name: clone(folder, name) for name in ways}
    leaves = [str(8 + number) for number in range(trials // rounds)]
    total = dict.fromkeys(ways, 0.0)
    print(f"{trials} trials in {rounds} rounds, {JOBS} workers, seconds", flush=True)
    with parallel_config("loky", n_jobs=JOBS, inner_max_num_threads=1):
        for number in range(rounds):
            Parallel()(delayed(imports)() for _ in range(JOBS))  # warm, and not timed
            for name, way in ways.items():
                rates = [f"{0.05 + number / 100:.2f}"]
                took = clock(way, roots[name], rates, leaves, f"round{number + 1}")
                total[name] += took
                print(f"  round {number + 1}: {name} {took:.1f}", flush=True)
    print(", ".join(f"{name} {seconds:.1f} s" for name, seconds in total.items()))
    print(f"sweep / bare  {total['sweep'] / total['bare']:.2f}")
    for name in ("queue", "tuned"):
        print(f"{name} / sweep {total[name] / total['sweep']:.2f}")


def flat(folder: Path) -> None:
    """Seconds a trial of a training that takes next to no time, with 24 and with 240 trials."""
    root = clone(folder, "flat")
    for trials in (24, 240):
        start = 1000 * trials  # seeds that no trial before had: DVC would take its results
        settings = [*FAST, f"train.seed=range({start},{start + trials})"]
        took = clock(run_sweep, root, f"n{trials}", settings) / trials
        with (root / f"sweeps/n{trials}/trials.csv").open() as file:
            rows = sorted(csv.DictReader(file), key=lambda row: int(row["trial"]))
        seconds = [float(row["seconds"]) for row in rows]
        parts = {"first 24": seconds[:24], "last 24": seconds[-24:]}
        means = {name: round(sum(part) / len(part), 2) for name, part in parts.items()}
        print(f"{trials} trials: {took:.2f} s each; in a worker {json.dumps(means)}", flush=True)
    root = clone(folder, "queue")
    settings = [*FAST, "train.seed=range(0,24)"]
    took = clock(run_queue, root, "queue", settings, 24, ONE_THREAD) / 24
    print(f"24 trials of DVC's queue, one thread a worker: {took:.2f} s each")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=24)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--flat", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if args.flat:
            flat(Path(folder))
        else:
            side_by_side(Path(folder), args.trials, args.rounds)


if __name__ == "__main__":
    main()
