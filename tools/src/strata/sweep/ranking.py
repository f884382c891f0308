"""What came out of a sweep: a table of its trials, the best first, and what mattered.

Writes into sweeps/NAME/: trials.csv and trials.parquet, a trial a row with its parameters, the
metric, its standard error, the best until then, seconds and error; importance.csv, a parameter a
row. `dvc plots show` draws any of the columns.
"""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from strata.sweep.space import Dimension, short

if TYPE_CHECKING:
    import optuna
    import pandas as pd

ROWS = 10  # of the table on the screen
ENOUGH = 10  # trials for each parameter; with fewer the shares are mostly chance


def figure(value: float | None, error: float | None = None) -> str:
    """A metric with as many digits as comparing trials takes, and its standard error."""
    text = "–" if value is None else f"{value:.5g}"
    return text if error is None else f"{text} ± {error:.2g}"


def table(
    name: str, metric: str, maximize: bool, dimensions: list[Dimension], trials: dict[int, Any]
) -> "pd.DataFrame":
    """Rank the trials: the best first, the failed last; equal ones in the order they were asked."""
    import pandas as pd

    varied = [d.name for d in dimensions if d.texts is None or len(d.texts) > 1]
    columns = short([*varied, metric])
    rows = []
    for number in sorted(trials):
        trial = trials[number]
        rows.append(
            {
                "trial": number,
                "experiment": f"{name}-{number}",
                "state": "failed" if trial.user_attrs.get("error") else "finished",
                **{columns[key]: trial.params.get(key) for key in varied},
                columns[metric]: trial.value,
                "se": trial.user_attrs.get("se"),
                "best": None,
                "seconds": trial.user_attrs.get("seconds"),
                "error": trial.user_attrs.get("error"),
            }
        )
    frame = pd.DataFrame(rows)
    values = frame[columns[metric]] = frame[columns[metric]].astype(float)
    frame["se"] = frame["se"].astype(float)
    frame["best"] = values.cummax() if maximize else values.cummin()
    for key in varied:
        numbers = pd.to_numeric(frame[columns[key]], errors="coerce")
        if numbers.notna().all():
            frame[columns[key]] = numbers
    return frame.sort_values(
        columns[metric], ascending=not maximize, kind="stable", na_position="last"
    ).reset_index(drop=True)


def importances(
    frame: "pd.DataFrame", columns: list[str], metric: str, maximize: bool
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
    folder: Path,
    metric: str,
    study: "optuna.Study",
    dimensions: list[Dimension],
    trials: dict[int, Any],
) -> str:
    """Write and print the table and the importances; returns the name of the best experiment."""
    import pandas as pd

    maximize = study.direction.name == "MAXIMIZE"
    frame = table(folder.name, metric, maximize, dimensions, trials)
    frame.to_csv(folder / "trials.csv", index=False, lineterminator="\n")
    as_text = {name: "string" for name in frame if not pd.api.types.is_numeric_dtype(frame[name])}
    frame.astype(as_text).to_parquet(folder / "trials.parquet", index=False)

    varied = [d.name for d in dimensions if d.texts is None or len(d.texts) > 1]
    columns = short([*varied, metric])
    shown = frame.drop(columns=["trial", "best", "error"]).head(ROWS)
    print(shown.to_string(index=False, na_rep="–", float_format=lambda value: f"{value:.5g}"))

    finished = frame[frame["state"] == "finished"]
    best, error = finished.iloc[0], finished["se"].iloc[0]
    print(f"best: {best['experiment']}, {metric} {figure(best[columns[metric]], _known(error))}")
    shares = importances(finished, [columns[key] for key in varied], columns[metric], maximize)
    if shares:
        parts = pd.DataFrame({"parameter": list(shares), "importance": list(shares.values())})
        parts.to_csv(folder / "importance.csv", index=False, lineterminator="\n")
        print("what mattered: " + ", ".join(f"{k} {v:.2f}" for k, v in shares.items()))
    elif len(finished) < ENOUGH * len(varied):
        few = f"{len(finished)} finished trials are too few for {len(varied)} parameters"
        print(f"what mattered cannot be told: {few}, each needs {ENOUGH}")
    print(f"table: sweeps/{folder.name}/trials.csv and .parquet")
    return str(best["experiment"])


def _known(error: float | None) -> float | None:
    return None if error is None or math.isnan(error) else float(error)
