"""The contract of params.yaml, as far as every project shares it: keys, types, ranges.

It only refuses: it never supplies or converts a value, so that no stage but its own depends on it,
and a new knob of one stage makes that one stale. A project's own sections are in src/params.py.
"""

import difflib
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar, get_args

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    WrapValidator,
    field_validator,
    model_validator,
)

from kit.base.files import read_yaml, write_text
from kit.base.stage import Fault
from kit.base.tables import FEATURES, MONTH, column_names, partitions

PATH = Path("params.yaml")
KEPT = Path("data/params.ok")

S = TypeVar("S", bound="Section")


def as_written(value: Any, check: Callable[[Any], Any]) -> Any:
    """Hold a value against its type and range, and pass it on unconverted: 1 stays a whole 1."""
    check(value)
    return value


def with_a_point(value: Any) -> Any:
    """Refuse a whole number where scikit-learn would take it for a count, and 1.0 for a share."""
    if isinstance(value, int) and not isinstance(value, bool):
        raise ValueError(f"a share is written with a point, such as {float(value)}")
    return value


def as_month(value: Any) -> Any:
    """Accept a month, such as 2013-10, as text."""
    if not isinstance(value, str) or not MONTH.fullmatch(value):
        raise ValueError('should be a month, such as "2013-10"')
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
Month = Annotated[str, BeforeValidator(as_month)]
Count = Annotated[int, Field(ge=1)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]


class Section(BaseModel):
    """A section of params.yaml: no unknown keys, no defaults, no conversions, no NaN."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


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
    """The section of a model that is not in use may be left out.

    A model of your own is one more section, in a subclass: ``mine: Mine | None = None``.
    """

    model: str
    seed: Seed
    min_frequency: Count
    hist_gradient_boosting: HistGradientBoosting | None = None
    logistic_regression: LogisticRegression | None = None
    random_forest: RandomForest | None = None
    ridge: Ridge | None = None
    xgboost: XGBoost | None = None

    @field_validator("model")
    @classmethod
    def _is_known(cls, model: str) -> str:
        known = sorted(cls.model_fields.keys() - {"model", "seed", "min_frequency"})
        if model not in known:
            raise ValueError(f"should be one of {', '.join(known)}")
        return model

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
    """The whole file; a project's own has its own sections besides."""

    data: Data
    split: Split
    train: Train
    evaluate: Evaluate
    explain: Explain
    card: Card

    @model_validator(mode="after")
    def _suits_the_task(self) -> Self:
        unfit = {"regression": "logistic_regression"}.get(self.data.task, "ridge")
        if self.train.model == unfit:
            raise ValueError(f"train.model is {unfit}, and data.task is {self.data.task}")
        if self.train.model == "xgboost" and self.data.task == "multiclass":
            raise ValueError("train.model is xgboost, which is for two classes or a value here")
        if self.split.by in ("random", "stratified") and not self.data.key:
            raise ValueError(f"split by {self.split.by} goes by data.key, which is empty")
        return self

    @classmethod
    def check(cls, content: Any, path: Path = PATH) -> Self:
        """Hold the parsed file against the contract. Raises Fault with one line a fault."""
        try:
            return cls.model_validate(content)
        except ValidationError as error:
            # A misspelt key is missing as well: one line says it.
            errors = error.errors()
            meant = {_meant(cls, e["loc"]) for e in errors if e["type"] == "extra_forbidden"}
            faults = [e for e in errors if e["type"] != "missing" or e["loc"] not in meant]
            raise Fault("\n".join(f"{path}: {_sentence(cls, e)}" for e in faults)) from None

    @classmethod
    def load(cls, section: type[S], path: Path = PATH) -> S:
        """Check the whole of params.yaml and return one section of it, asked for by its class.

        The whole file is checked, so that a fault in a later stage's section is found before an
        earlier stage works for an hour.

        Raises Fault with one line a fault: the key, its value, and what is allowed.
        """
        params = cls.check(read_yaml(path), path)
        return next(value for _, value in params if isinstance(value, section))

    @classmethod
    def check_columns(cls, folder: Path = FEATURES, path: Path = PATH) -> None:
        """Hold the names of columns in the params against the columns of data/features.

        All of them, so that one in a later stage's section is found before the model is trained.
        Raises Fault with one line for each that is not there.
        """
        there = column_names(folder / f"{partitions(folder)[0]}.parquet")
        faults = _unknown_columns(cls.check(read_yaml(path), path), there)
        if faults:
            raise Fault("\n".join(f"{path}: {fault}" for fault in faults))


def keep_contract(contract: type[Params]) -> str:
    """What the stage ``params`` does: check the file, and note it, always in the same words."""
    contract.check(read_yaml(PATH))
    write_text(KEPT, f"{PATH} keeps its contract\n")
    return f"{PATH} keeps its contract"


def _unknown_columns(params: Params, there: list[str]) -> list[str]:
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
    faults = []
    for key, names, known in named:
        for name in names:
            if name is not None and name not in known:
                near = difflib.get_close_matches(name, known, n=1)
                all_of_them = f"there are {', '.join(there[:30])}"
                hint = f"did you mean {near[0]!r}?" if near else all_of_them
                faults.append(f"{key} names {name!r}, and no column is called so; {hint}")
    return faults


def _sentence(contract: type[Params], error: Any) -> str:
    name = ".".join(map(str, error["loc"])) or "the file"
    if error["type"] == "missing":
        return f"{name} is missing"
    if error["type"] == "extra_forbidden":
        known, meant = _keys(contract, error["loc"][:-1]), _meant(contract, error["loc"])
        hint = f"did you mean {meant[-1]!r}?" if meant else f"known: {', '.join(known)}"
        return f"{name} is not a known key; {hint}"
    message = error["msg"].removeprefix("Value error, ")
    if error["type"] == "value_error" and isinstance(error["input"], dict):
        return f"{name}: {message}"  # of keys that do not go together
    message = message[0].lower() + message[1:]
    if error["type"] == "model_type":
        message = "should be a section with keys of its own"
    return f"{name} is {error['input']!r}: {message}"


def _meant(contract: type[Params], loc: tuple[Any, ...]) -> tuple[Any, ...]:
    near = difflib.get_close_matches(str(loc[-1]), _keys(contract, loc[:-1]), n=1)
    return (*loc[:-1], *near) if near else ()


def _keys(contract: type[Params], loc: tuple[Any, ...]) -> list[str]:
    section: Any = contract
    for key in loc:
        section = section.model_fields[key].annotation
        section = next((c for c in get_args(section) if c is not type(None)), section)
    return list(section.model_fields)
