"""The tasks that ``data.task`` can name, each a file with its metrics and plots."""

from typing import Any, Protocol

import pandas as pd

from kit.learn.outcomes import Floats
from kit.params import Data, Explain
from kit.report import binary, multiclass, regression
from kit.report.scores import DIGITS, Scores, mean


class Task(Protocol):
    """What a task has to say; binary.py has what each means."""

    METRICS: dict[str, str]  # by scikit-learn's names, each with its title; the first decides
    IMPORTANCE: str  # a scorer of scikit-learn's

    def losses(self, label: Floats, prediction: Floats, /) -> Floats: ...
    def scores(self, label: Floats, prediction: Floats, /) -> Scores: ...
    def plots(
        self, label: Floats, prediction: Floats, settings: Explain, classes: list[str], /
    ) -> dict[str, pd.DataFrame]: ...


def task_of(data: Data) -> Task:
    """The task that the params name."""
    known: dict[str, Task] = {
        "binary": binary,
        "multiclass": multiclass,
        "regression": regression,
    }
    return known[data.task]


def base_rate(label: Floats, weight: Floats, data: Data) -> dict[str, Any]:
    """The rate of the positive class, where there is one."""
    return {"base_rate": round(mean(label, weight), DIGITS)} if data.task == "binary" else {}
