"""What a sweep costs over the bare training, and over DVC's own queue.

Three ways to run the same trials of the real training and evaluation with two workers, side by
side in one run, each in a clone of its own with a cache of its own:

- bare: the stages' own functions in a warm process loop of joblib, one thread each: the limit;
- sweep: `strata sweep --jobs 2`, start to end;
- queue: `dvc exp run --queue` and `dvc queue start -j 2`, as DVC documents it. `--queue-threads`
  also sets OMP_NUM_THREADS, which a user of the queue may or may not do.

The trials go in rounds, bare, sweep, queue, bare, ..., so that what else the machine does falls on
all. `--flat` instead compares 24 with 240 trials of a training that takes next to no time.
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
from collections.abc import Callable
from pathlib import Path

from joblib import Parallel, delayed, parallel_config
from ruamel.yaml import YAML

HOME = Path.cwd()
SECTION = "train.hist_gradient_boosting"
FAST = [f"{SECTION}.max_iter=1", "evaluate.bootstrap_samples=2", "evaluate.importance_rows=100"]
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
    from stages import evaluate, train

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
    from stages import evaluate, train  # noqa: F401


def bare(root: Path, rates: list[str], leaves: list[str], label: str) -> None:
    del label
    Parallel()(delayed(work_bare)(root, rate, leaf) for rate in rates for leaf in leaves)


def sweep(root: Path, rates: list[str], leaves: list[str], label: str) -> None:
    settings = [
        "-S",
        f"{SECTION}.learning_rate={','.join(rates)}",
        "-S",
        f"{SECTION}.max_leaf_nodes={','.join(leaves)}",
    ]
    command = ["strata", "sweep", "--name", label, "--jobs", str(JOBS), *settings]
    subprocess.run(command, cwd=root, check=True, stdout=subprocess.DEVNULL)


def queue(
    root: Path, rates: list[str], leaves: list[str], label: str, threads: str | None = None
) -> None:
    """DVC's queue, started again when its workers are gone before the work is done."""
    env = os.environ | ({"OMP_NUM_THREADS": threads} if threads else {})
    settings = [
        "-S",
        f"{SECTION}.learning_rate={','.join(rates)}",
        "-S",
        f"{SECTION}.max_leaf_nodes={','.join(leaves)}",
    ]
    command = ["dvc", "exp", "run", "--queue", "--quiet", "--name", label, *settings]
    subprocess.run(command, cwd=root, check=True, env=env)
    start = ["dvc", "queue", "start", "--quiet", "--jobs", str(JOBS)]
    subprocess.run(start, cwd=root, check=True, env=env)
    wanted, checked = len(rates) * len(leaves), time.monotonic()
    refs = ["git", "for-each-ref", "--format=%(refname)", "refs/exps"]
    while True:
        names = subprocess.check_output(refs, cwd=root, text=True).split()
        if sum(f"/{label}-" in name for name in names) >= wanted:
            return
        if time.monotonic() - checked > 20:
            said = subprocess.check_output(["dvc", "queue", "status"], cwd=root, text=True)
            if "No experiment" not in said and "0 active" in said:
                print("  the queue's workers are gone; starting it again")
                subprocess.run(start, cwd=root, check=True, env=env)
            checked = time.monotonic()
        time.sleep(0.5)


def clock(run: Callable[..., None], *args: object) -> float:
    start = time.perf_counter()
    run(*args)
    return time.perf_counter() - start


def side_by_side(folder: Path, trials: int, rounds: int, queue_threads: str | None) -> None:
    roots = {name: clone(folder, name) for name in ("bare", "sweep", "queue")}
    leaves = [str(8 + number) for number in range(trials // rounds)]
    total = dict.fromkeys(roots, 0.0)
    print(f"{trials} trials in {rounds} rounds, {JOBS} workers, seconds", flush=True)
    with parallel_config("loky", n_jobs=JOBS, inner_max_num_threads=1):
        Parallel()(delayed(imports)() for _ in range(JOBS))  # warm, and not timed
        for number in range(rounds):
            grid = [f"{0.05 + number / 100:.2f}"], leaves, f"round{number + 1}"
            took = {
                "bare": clock(bare, roots["bare"], *grid),
                "sweep": clock(sweep, roots["sweep"], *grid),
                "queue": clock(queue, roots["queue"], *grid, queue_threads),
            }
            print(
                "  " + ", ".join(f"{name} {seconds:.1f}" for name, seconds in took.items()),
                flush=True,
            )
            total = {name: total[name] + took[name] for name in took}
    print(", ".join(f"{name} {seconds:.1f} s" for name, seconds in total.items()))
    print(f"sweep / bare  {total['sweep'] / total['bare']:.2f}")
    print(f"queue / sweep {total['queue'] / total['sweep']:.2f}")


def flat(folder: Path) -> None:
    """Seconds a trial of a fast training, with 24 and with 240 trials."""
    fixed = [part for setting in FAST for part in ("-S", setting)]
    root = clone(folder, "flat")
    for trials in (24, 240):
        command = ["strata", "sweep", "--name", f"n{trials}", "--jobs", str(JOBS), *fixed]
        values = f"train.seed=range(1,{trials + 1})"
        start = time.perf_counter()
        subprocess.run([*command, "-S", values], cwd=root, check=True, stdout=subprocess.DEVNULL)
        whole = time.perf_counter() - start
        with (root / f"sweeps/n{trials}/trials.csv").open() as file:
            rows = sorted(csv.DictReader(file), key=lambda row: int(row["trial"]))
        seconds = [float(row["seconds"]) for row in rows]
        parts = {"first 24": seconds[:24], "last 24": seconds[-24:]}
        means = {name: round(sum(part) / len(part), 2) for name, part in parts.items()}
        print(
            f"{trials} trials: {whole / trials:.2f} s each; in a worker {json.dumps(means)}",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=24)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--queue-threads", metavar="N")
    parser.add_argument("--flat", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if args.flat:
            flat(Path(folder))
        else:
            side_by_side(Path(folder), args.trials, args.rounds, args.queue_threads)


if __name__ == "__main__":
    main()
