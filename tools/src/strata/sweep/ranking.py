"""The result of a sweep: a table of its trials, the best first, and what mattered.

Writes into sweeps/NAME/: trials.csv and trials.parquet, a trial a row with its parameters, the
metric, its standard error, the best until then, seconds and error; importance.csv, a parameter a
row. `dvc plots show` draws any of the columns.
"""

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from strata.sweep.plan import Plan
from strata.sweep.space import Dimension, short

if TYPE_CHECKING:
    import pandas as pd

ROWS = 10  # of the table on the screen
ENOUGH = 10  # trials for each parameter; with fewer the shares are mostly chance


def figure(value: float | None, error: float | None = None) -> str:
    """A metric with as many digits as comparing trials takes, and its standard error."""
    text = "–" if value is None else f"{value:.5g}"
    return text if error is None or math.isnan(error) else f"{text} ± {error:.2g}"


def table(plan: Plan, columns: Mapping[str, str], trials: Mapping[int, Any]) -> "pd.DataFrame":
    """Rank trials: the best first, the failed last; equal ones in the order they were asked.

    ``columns`` are those of the varied parameters and of the metric.
    """
    import pandas as pd

    rows = []
    for number in sorted(trials):
        trial = trials[number]
        rows.append(
            {
                "trial": number,
                "experiment": plan.trial(number),
                "state": "failed" if trial.user_attrs.get("error") else "finished",
                **{column: trial.params.get(key) for key, column in columns.items()},
                columns[plan.metric]: trial.value,
                "se": trial.user_attrs.get("se"),
                "best": None,
                "seconds": trial.user_attrs.get("seconds"),
                "error": trial.user_attrs.get("error"),
            }
        )
    frame, metric = pd.DataFrame(rows), columns[plan.metric]
    frame = frame.astype({metric: float, "se": float})
    frame["best"] = frame[metric].cummax() if plan.maximize else frame[metric].cummin()
    for column in columns.values():
        numbers = pd.to_numeric(frame[column], errors="coerce")
        if numbers.notna().all():
            frame[column] = numbers
    return frame.sort_values(
        metric, ascending=not plan.maximize, kind="stable", na_position="last"
    ).reset_index(drop=True)


def importances(
    frame: "pd.DataFrame", columns: Iterable[str], metric: str, maximize: bool
) -> dict[str, float]:
    """How much each parameter decides whether a trial is good (Optuna's PED-ANOVA), sum 1.

    ``frame`` has the finished trials. Empty if it cannot be told: fewer than ENOUGH for each
    parameter, or all with the same metric. (Optuna's fANOVA takes hours for a choice of a hundred
    values.)
    """
    import optuna
    import pandas as pd
    from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution

    space: dict[str, BaseDistribution] = {}
    for name in columns:
        values = sorted(set(frame[name]))
        if len(values) > 1 and pd.api.types.is_numeric_dtype(frame[name]):
            space[name] = FloatDistribution(float(values[0]), float(values[-1]))
        elif len(values) > 1:
            space[name] = CategoricalDistribution(values)
    if len(frame) < ENOUGH * len(space) or len(set(frame[metric])) < 2 or not space:
        return {}
    study = optuna.create_study(direction="maximize" if maximize else "minimize")
    for value, *point in frame[[metric, *space]].itertuples(index=False):
        params = dict(zip(space, point, strict=True))
        study.add_trial(optuna.create_trial(params=params, distributions=space, value=value))
    evaluator = optuna.importance.PedAnovaImportanceEvaluator()
    shares = optuna.importance.get_param_importances(study, evaluator=evaluator)
    return {name: round(float(share), 4) for name, share in shares.items()}


def write(
    folder: Path, plan: Plan, dimensions: Iterable[Dimension], trials: Mapping[int, Any]
) -> str:
    """Write and print the table and the importances; returns the name of the best experiment."""
    import pandas as pd

    varied = [dimension.name for dimension in dimensions if dimension.is_varied]
    columns = short([*varied, plan.metric])
    frame = table(plan, columns, trials)
    frame.to_csv(folder / "trials.csv", index=False, lineterminator="\n")
    as_text = {name: "string" for name in frame if not pd.api.types.is_numeric_dtype(frame[name])}
    frame.astype(as_text).to_parquet(folder / "trials.parquet", index=False)
    top = frame.drop(columns=["trial", "best", "error"]).head(ROWS)
    print(top.to_string(index=False, na_rep="–", float_format=lambda value: f"{value:.5g}"))

    finished, metric = frame[frame["state"] == "finished"], columns[plan.metric]
    best = finished.iloc[0]
    print(f"best: {best['experiment']}, {plan.metric} {figure(best[metric], best['se'])}")
    shares = importances(finished, [columns[name] for name in varied], metric, plan.maximize)
    if shares:
        parts = pd.DataFrame({"parameter": list(shares), "importance": list(shares.values())})
        parts.to_csv(folder / "importance.csv", index=False, lineterminator="\n")
        print("what mattered: " + ", ".join(f"{k} {v:.2f}" for k, v in shares.items()))
    elif len(finished) < ENOUGH * len(varied):
        few = f"it takes {ENOUGH * len(varied)} finished trials, here are {len(finished)}"
        print(f"what mattered is unknown: {few}")
    print(f"table: sweeps/{folder.name}/trials.csv and .parquet")
    return str(best["experiment"])
