"""Make the pictures of the documentation, of real runs in a clone: `make pictures`."""

import os
import subprocess
import tempfile
import textwrap
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib import pyplot as plt

HERE = Path("docs/pictures")
LEAVES = "train.hist_gradient_boosting.max_leaf_nodes"
WIDTH = 125  # characters of a terminal


def say(folder: Path, *command: str) -> str:
    """Run a command in a folder and return what it prints."""
    env = os.environ | {"COLUMNS": str(WIDTH), "NO_COLOR": "1"}
    return subprocess.run(
        command, cwd=folder, env=env, check=True, stdout=subprocess.PIPE, text=True
    ).stdout


def terminal(name: str, command: str, text: str) -> None:
    """Draw what a command says, as text that a viewer's own font shows."""
    wrapped = [textwrap.wrap(line, WIDTH, drop_whitespace=False) for line in text.splitlines()]
    lines = [f"$ {command}", *(part for parts in wrapped for part in parts or [""])]
    lines = [line.replace(" ", "\N{NO-BREAK SPACE}") for line in lines]  # SVG folds others
    figure = plt.figure(figsize=(9, 0.16 * len(lines) + 0.2), facecolor="#1e1e1e")
    style: dict[str, Any] = {"family": "monospace", "size": 8, "color": "#e0e0e0", "va": "top"}
    figure.text(0.015, 1 - 0.1 / figure.get_figheight(), "\n".join(lines), **style)
    save(name)


def plot(name: str) -> None:
    """Draw the metric of each month."""
    table = pd.read_csv("metrics/plots/by_partition.csv")
    _, axes = plt.subplots(figsize=(7, 3))
    for split, rows in table.groupby("split", sort=False):
        axes.plot(rows["partition"], rows["roc_auc"], marker="o", label=split)
    axes.set_ylabel("ROC AUC")
    axes.tick_params(axis="x", labelsize=7)
    axes.legend()
    save(name)


def save(name: str) -> None:
    """Write the figure at hand; the same one gives the same bytes."""
    HERE.mkdir(exist_ok=True)
    plt.savefig(HERE / f"{name}.svg", metadata={"Date": None, "Creator": None})
    plt.close()


def main() -> None:
    mpl.rcParams["svg.fonttype"], mpl.rcParams["svg.hashsalt"] = "none", "pictures"
    plot("by_month")
    with tempfile.TemporaryDirectory() as parent:
        clone = Path(parent) / "project"
        say(Path.cwd(), "git", "clone", "--quiet", ".", str(clone))
        say(clone, "dvc", "cache", "dir", "--local", str(Path(".dvc/cache").resolve()))
        say(clone, "dvc", "checkout", "--quiet")
        command = f"strata sweep --name leaves -S {LEAVES}=8,15,31"
        table = say(clone, *command.split())
        terminal("sweep", command, table[table.index("3 trials asked") :])
        say(clone, "git", "switch", "--quiet", "--create", "leaves")
        say(clone, "dvc", "exp", "run", "--quiet", "-S", f"{LEAVES}=31")
        say(clone, "git", "commit", "--quiet", "--no-verify", "--all", "--message", "More leaves")
        report = say(clone, "strata", "report", "--base", "HEAD~1")
        terminal("report", "strata report", "\n".join(report.splitlines()[:28]))


if __name__ == "__main__":
    main()
