"""The contract of params.yaml: which keys there are, of what type, in what range.

In:  params.yaml, written by hand or by ``dvc exp run -S``.
Out: one frozen object a section, for the stages; data/params.ok, as a stage itself: always the
     same line, that the whole file keeps this contract.
"""

import difflib
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    WrapValidator,
    model_validator,
)
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from stage import Fault, run

PATH = Path("params.yaml")
KEPT = Path("data/params.ok")


def as_written(value: Any, check: Callable[[Any], Any]) -> Any:
    """Hold a value against its type and range, and pass it on unconverted: 1 stays a whole 1."""
    check(value)
    return value


def with_a_point(value: Any) -> Any:
    """Refuse a whole number where scikit-learn would take it for a count, and 1.0 for a share."""
    if isinstance(value, int) and not isinstance(value, bool):
        raise ValueError(f"a share is written with a point, such as {float(value)}")
    return value


def as_size(value: Any) -> Any:
    """Accept a number of periods from 1 on, or a share between 0 and 1."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("should be a number of periods, such as 1, or a share, such as 0.2")
    if (value < 1) if isinstance(value, int) else not 0 < value < 1:
        raise ValueError("should be 1 or more, or a share between 0 and 1")
    return value


Positive = Annotated[float, Field(gt=0), WrapValidator(as_written)]
Share = Annotated[float, Field(gt=0, le=1), BeforeValidator(with_a_point)]
Size = Annotated[Any, BeforeValidator(as_size)]
Count = Annotated[int, Field(ge=1)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]


class Section(BaseModel):
    """A section of params.yaml: no unknown keys, no defaults, no conversions, no NaN.

    A stage does not depend on this file, since nothing here can change a value: a key added for
    one stage makes that stage stale and no other.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Ingest(Section):
    through: Annotated[str, Field(pattern=r"^\d{4}-(0[1-9]|1[0-2])$")]


class Prepare(Section):
    late_minutes: Count
    weather_lag_hours: Annotated[int, Field(ge=1, le=24)]
    max_wind_mph: Positive


class Featurize(Section):
    holiday_window_days: Count


class Data(Section):
    task: Literal["binary", "multiclass", "regression"]
    target: str
    positive: str | int | bool | None
    key: list[str]
    not_features: list[str]
    text: list[str]
    weight: str | None

    @model_validator(mode="after")
    def _has_a_class_to_predict(self) -> "Data":
        if (self.positive is None) == (self.task == "binary"):
            raise ValueError("positive is the class to predict if task is binary, else null")
        return self

    @model_validator(mode="after")
    def _reads_only_features(self) -> "Data":
        others = [self.target, self.weight, *self.not_features]
        if no_features := [name for name in self.text if name in others]:
            raise ValueError(f"text names {no_features[0]!r}, which has another role")
        return self


class Split(Section):
    by: Literal["time", "group", "stratified", "random", "column"]
    column: str | None
    period: Literal["day", "week", "month", "quarter", "year"] | None
    validation: Size
    test: Size
    through: str | None
    seed: Seed

    @model_validator(mode="after")
    def _is_consistent(self) -> "Split":
        sizes = (self.validation, self.test)
        if (self.by in ("time", "group", "column")) != (self.column is not None):
            raise ValueError(f"by {self.by} and column {self.column!r} do not go together")
        if (self.by == "time") != (self.period is not None):
            raise ValueError(f"by {self.by} and period {self.period!r} do not go together")
        if self.by != "time" and self.through is not None:
            raise ValueError(f"by {self.by} and through {self.through!r} do not go together")
        if any(isinstance(size, int) != (self.by == "time") for size in sizes):
            raise ValueError("validation and test are numbers of periods by time, else shares")
        if self.by != "time" and sum(sizes) >= 1:
            raise ValueError("validation and test leave nothing to train on")
        return self


class HistGradientBoosting(Section):
    learning_rate: Positive
    max_iter: Count
    max_leaf_nodes: Annotated[int, Field(ge=2)]
    min_samples_leaf: Count
    max_features: Share
    l2_regularization: Annotated[float, Field(ge=0), WrapValidator(as_written)]


class LogisticRegression(Section):
    C: Positive
    max_iter: Count


class Ridge(Section):
    alpha: Positive


class RandomForest(Section):
    n_estimators: Count
    max_depth: Count | None
    min_samples_leaf: Count
    max_features: Share


class XGBoost(Section):
    learning_rate: Positive
    n_estimators: Count
    max_depth: Count
    min_child_weight: Positive
    colsample_bynode: Share
    reg_lambda: Annotated[float, Field(ge=0), WrapValidator(as_written)]


class Train(Section):
    """The section of a model that is not in use may be left out."""

    model: Literal[
        "hist_gradient_boosting", "logistic_regression", "random_forest", "ridge", "xgboost"
    ]
    seed: Seed
    min_frequency: Count
    hist_gradient_boosting: HistGradientBoosting
    logistic_regression: LogisticRegression | None = None
    random_forest: RandomForest
    ridge: Ridge | None = None
    xgboost: XGBoost | None = None

    @model_validator(mode="after")
    def _has_its_section(self) -> "Train":
        if getattr(self, self.model) is None:
            raise ValueError(f"model is {self.model}, and there is no section of that name")
        return self


class Evaluate(Section):
    seed: Seed
    block: str | None
    bootstrap_samples: Annotated[int, Field(ge=2)]


class Explain(Section):
    seed: Seed
    training_rows: Count
    threshold: Annotated[float, Field(gt=0, lt=1), WrapValidator(as_written)]
    bins: Annotated[int, Field(ge=2)]
    importance_rows: Count
    importance_repeats: Count


class Card(Section):
    slices: list[str]
    categories: Count


class Params(Section):
    ingest: Ingest
    prepare: Prepare
    featurize: Featurize
    data: Data
    split: Split
    train: Train
    evaluate: Evaluate
    explain: Explain
    card: Card

    @model_validator(mode="after")
    def _suits_the_task(self) -> "Params":
        unfit = {"regression": "logistic_regression"}.get(self.data.task, "ridge")
        if self.train.model == unfit:
            raise ValueError(f"train.model is {unfit}, and data.task is {self.data.task}")
        if self.train.model == "xgboost" and self.data.task == "multiclass":
            raise ValueError("train.model is xgboost, which is for two classes or a value here")
        if self.split.by in ("random", "stratified") and not self.data.key:
            raise ValueError(f"split by {self.split.by} goes by data.key, which is empty")
        return self


S = TypeVar("S", bound=Section)


def load(section: type[S], path: Path = PATH) -> S:
    """Check the whole of params.yaml and return one section of it, asked for by its class.

    The whole file is checked, so that a fault in a later stage's section is found before an
    earlier stage works for an hour.

    Raises Fault with one line a fault: the key, its value, and what is allowed.
    """
    params = check(parse(path), path)
    return next(value for _, value in params if isinstance(value, section))


def parse(path: Path = PATH) -> Any:
    """Read YAML 1.2, as DVC writes it: ``1e-6`` is a number and ``on`` is a word.

    Raises Fault if the file is missing or is not YAML.
    """
    try:
        return YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise Fault(f"{path}: not found; run this from the top of the repository") from None
    except (YAMLError, ValueError) as error:  # not UTF-8, or a day that no calendar has
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise Fault(f"{path}{where}: not valid YAML: {problem.splitlines()[0]}") from None


def check(content: Any, path: Path = PATH) -> Params:
    """Hold the parsed file against the contract. Raises Fault with one line a fault."""
    try:
        return Params.model_validate(content)
    except ValidationError as error:
        # A misspelt key is missing as well: one line says it.
        meant = {_meant(e["loc"]) for e in error.errors() if e["type"] == "extra_forbidden"}
        faults = [e for e in error.errors() if e["type"] != "missing" or e["loc"] not in meant]
        raise Fault("\n".join(f"{path}: {_sentence(e)}" for e in faults)) from None


def check_columns(there: list[str], path: Path = PATH) -> None:
    """Hold the names of columns in the params against the columns of data/features.

    All of them, so that one in a later stage's section is found before the model is trained. Raises
    Fault with one line for each that is not there.
    """
    params, faults = check(parse(path), path), []
    data, split = params.data, params.split
    later = [*there, "partition", "split"]  # which the reading of rows adds
    named: list[tuple[str, list[str | None], list[str]]] = [
        ("data.target", [data.target], there),
        ("data.key", [*data.key], later),
        ("data.not_features", [*data.not_features], later),
        ("data.text", [*data.text], there),
        ("data.weight", [data.weight], there),
        ("split.column", [split.column], there),
        ("evaluate.block", [params.evaluate.block], later),
        ("card.slices", [*params.card.slices], later),
    ]
    for key, names, known in named:
        for name in names:
            if name is not None and name not in known:
                near = difflib.get_close_matches(name, known, n=1)
                all_of_them = f"there are {', '.join(there[:30])}"
                hint = f"did you mean {near[0]!r}?" if near else all_of_them
                faults.append(f"{path}: {key} names {name!r}, and no column is called so; {hint}")
    if faults:
        raise Fault("\n".join(faults))


def _sentence(error: Any) -> str:
    name = ".".join(map(str, error["loc"])) or "the file"
    if error["type"] == "missing":
        return f"{name} is missing"
    if error["type"] == "extra_forbidden":
        known, meant = _keys(error["loc"][:-1]), _meant(error["loc"])
        hint = f"did you mean {meant[-1]!r}?" if meant else f"known: {', '.join(known)}"
        return f"{name} is not a known key; {hint}"
    message = error["msg"].removeprefix("Value error, ")
    if error["type"] == "value_error" and isinstance(error["input"], dict):
        return f"{name}: {message}"  # of keys that do not go together
    message = message[0].lower() + message[1:]
    if error["type"] == "model_type":
        message = "should be a section with keys of its own"
    if "pattern" in error["type"]:
        message = 'should be a month, such as "2013-10"'
    return f"{name} is {error['input']!r}: {message}"


def _meant(loc: tuple[Any, ...]) -> tuple[Any, ...]:
    near = difflib.get_close_matches(str(loc[-1]), _keys(loc[:-1]), n=1)
    return (*loc[:-1], *near) if near else ()


def _keys(loc: tuple[Any, ...]) -> list[str]:
    section: Any = Params
    for key in loc:
        section = section.model_fields[key].annotation
        section = next((c for c in get_args(section) if c is not type(None)), section)
    return list(section.model_fields)


def main() -> str:
    check(parse())
    KEPT.parent.mkdir(exist_ok=True)
    KEPT.write_text(f"{PATH} keeps its contract\n", encoding="utf-8", newline="\n")
    return f"{PATH} keeps its contract"


if __name__ == "__main__":
    run("params", main)
