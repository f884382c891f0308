"""What in a table spoils projects: each remark says what was seen, and what it leads to.

The rows that are given may be a sample: what is rare can be missed.
"""

import re
import warnings
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import get_scorer
from sklearn.model_selection import cross_val_score
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from strata.core.texts import counted

FEW = 20  # classes that a target of whole numbers has at most; rows that a class has at least
SAMPLE = 10_000  # rows on which a column alone is tried
ALIKE = 0.9999  # correlation from which on two columns are almost one
ALMOST, TWIN = "almost the same as {}", "the same as {} in other words"
TOO_GOOD = 0.97  # balanced accuracy or R² of one column, from which on it is suspect
PERSONAL = re.compile(  # words, the last ones of a name: phone number is, phone service is not
    r"(^| )((first|last|full|sur|middle|maiden|family|given|user) ?name|(e ?)?mail( address)?"
    r"|((tele)?phone|mobile|fax)( (no|nr|number))?|birth ?da(y|te)|date of birth|dob|passport( .*)?"
    r"|(ip )?address|street( name)?|ssn|iban|ip|vorname|nachname|telefon|geburtsdatum|anschrift)$"
)
PROTECTED = re.compile(
    r"(^| )(age|gender|sex|race|ethnicity|religion|nationality|disability|marital status)$"
)
WORDS = re.compile(r"[A-ZÄÖÜ]?[a-zäöüß]+|[A-ZÄÖÜ]+(?![a-zäöüß])")
NAMED = re.compile(r"(^|[_\W])(id|ids|key|uuid|guid|no|nr|number|code|index)$|Id$|ID$|Unnamed: 0")
COMMA = re.compile(r"[-+]?\d{1,3}(\.?\d{3})*,\d+")
UNIT = re.compile(
    r"[-+]?\d+([.,]\d+)?\s*([A-Za-zµ°%€$£]{1,5}|[A-Za-z]+/[A-Za-z]+)|[€$£]\s*\d+([.,]\d+)?"
)
DATE = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}([T ].*)?")


HEADER = ["column", "type", "missing", "distinct", "example", "remark"]


@dataclass
class Column:
    """A column: its type, how many values miss, how many differ, one of them, and remarks.

    ``same`` has the columns before it that say the same, each with a remark to fill in.
    """

    name: str
    type: str
    missing: str
    distinct: int
    example: str
    own: list[str] = field(default_factory=list)
    same: dict[str, str] = field(default_factory=dict)

    @property
    def remarks(self) -> list[str]:
        """Its own, and one on the first column that says the same."""
        return [*self.own, *(text.format(name) for name, text in [*self.same.items()][:1])]

    @property
    def cells(self) -> list[str]:
        """Its row under HEADER."""
        values = [self.name, self.type, self.missing, f"{self.distinct:,}", self.example]
        return [*values, "; ".join(self.remarks)]


def describe(frame: pd.DataFrame, target: str | None) -> list[Column]:
    """Describe each column, with remarks, also on how it goes with the target if there is one."""
    same = says_the_same(frame.drop(columns=[] if target is None else target))
    return [
        Column(
            name=str(name),
            type=kind(values),
            missing=share(values.isna().mean()),
            distinct=int(codes(values).max(initial=-1)) + 1,
            example=str(next(iter(values.dropna()), ""))[:24],
            own=[
                *(["the target"] if name == target else []),
                *of_values(str(name), values),
                *(of_leak(values, frame[target]) if target not in (None, name) else []),
            ],
            same=same.get(name, {}),
        )
        for name, values in frame.items()
    ]


def kind(values: pd.Series) -> str:
    """The type of a column in a word: number, whole number, truth, time, text, mixed, other."""
    types = pd.api.types
    for name, is_type in {
        "truth": types.is_bool_dtype,
        "whole number": types.is_integer_dtype,
        "number": types.is_numeric_dtype,
        "time": types.is_datetime64_any_dtype,
    }.items():
        if is_type(values):
            return name
    texts = values.dropna().map(lambda value: isinstance(value, str))
    return "text" if texts.all() else "other" if not texts.any() else "mixed"


def share(value: float) -> str:
    """A share in percent; what is there but rounds to none is below 1%."""
    return "" if value == 0 else "<1%" if value < 0.01 else f"{value:.0%}"


def codes(values: pd.Series) -> Any:
    """The number of each value, in the order in which they come; -1 for a missing one."""
    try:
        return pd.factorize(values)[0]
    except TypeError:  # lists and the like
        return pd.factorize(values.astype(str).where(values.notna()))[0]


def of_values(name: str, values: pd.Series) -> list[str]:
    """What the values of a column alone say."""
    present = values.dropna()
    if present.empty:
        return ["empty"]
    distinct, type_ = int(codes(present).max()) + 1, kind(values)
    remarks = []
    if distinct == 1 and len(present) == len(values):
        remarks.append("constant: a model learns nothing from it")
    if distinct == len(present) == len(values) > 2 * FEW and is_name(name, present):
        remarks.append("an identifier: it names the row, and tells nothing about a new one")
    if values.isna().mean() > 0.5:
        remarks.append("mostly missing")
    if type_ == "mixed":
        remarks.append("text and other values mixed")
    if type_ == "time":
        future = int((present > pd.Timestamp.now(tz=present.dt.tz)).sum())
        remarks += (
            [f"{counted(future, 'moment')} in the future, up to {present.max()}"] if future else []
        )
    if type_ == "text":
        remarks += of_texts(present)
    words = " ".join(WORDS.findall(name)).lower()
    measured = type_ == "truth" or (type_ == "number" and bool((present % 1 != 0).any()))
    if PERSONAL.search(words) and not measured:
        remarks.append("by its name perhaps personal data")
    if PROTECTED.search(words):
        remarks.append("about a person, by its name: may a model use it?")
    return remarks


def is_name(name: str, values: pd.Series) -> bool:
    """Whether values that are all different are names: texts, but not such as people write, or
    whole numbers that are called so or leave few gaps."""
    if kind(values) == "text":
        return not is_free_text(values.head(SAMPLE))
    if kind(values) != "whole number":
        return False
    return bool(NAMED.search(name)) or int(values.max()) - int(values.min()) < 2 * len(values)


def is_free_text(texts: pd.Series) -> bool:
    """Whether texts are such as people write: of many words, and hardly any twice."""
    return bool(texts.str.count(r"\s").mean() > 4 and texts.nunique() > len(texts) / 2)


def of_texts(values: pd.Series) -> list[str]:
    """What the texts of a column are, that are more than words."""
    texts = values.head(SAMPLE).str.strip()
    for pattern, remark in {
        DATE: "dates as text",
        COMMA: "numbers as text, with a decimal comma",
        UNIT: "numbers as text, with a unit",
    }.items():
        if texts.str.fullmatch(pattern).mean() > 0.95:
            return [remark]
    if pd.to_numeric(texts, errors="coerce").notna().mean() > 0.95:
        return ["numbers as text"]
    return ["free text"] if is_free_text(texts) else []


def says_the_same(frame: pd.DataFrame) -> dict[Any, dict[str, str]]:
    """For a column those before it that say the same, with a remark to fill in with their names."""
    same: dict[Any, dict[str, str]] = defaultdict(dict)
    for text, pairs in ((ALMOST, almost_equal(frame)), (TWIN, twins(frame))):
        for first, name in pairs:
            same[name][str(first)] = text
    return same


def twins(frame: pd.DataFrame) -> Iterator[tuple[Any, Any]]:
    """Pairs of columns that part the rows in the same way."""
    alike: dict[bytes, list[Any]] = defaultdict(list)
    for name, values in frame.items():
        numbers = codes(values)
        if 0 < numbers.max(initial=-1) < len(frame) - 1:  # others have remarks of their own
            before = alike[numbers.tobytes()]
            yield from ((first, name) for first in before)
            before.append(name)


def almost_equal(frame: pd.DataFrame) -> list[tuple[Any, Any]]:
    """Pairs of numbers that rise, or fall, with each other almost to the point."""
    numbers = frame.select_dtypes("number").head(SAMPLE)
    values = numbers.fillna(numbers.mean()).to_numpy(dtype=float, na_value=0.0)
    varied = values.std(axis=0) > 0
    names = [name for name, varies in zip(numbers.columns, varied, strict=True) if varies]
    if len(names) < 2:
        return []
    alike = np.abs(np.corrcoef(values[:, varied], rowvar=False)) > ALIKE
    return [(names[first], names[at]) for first, at in np.argwhere(np.triu(alike, 1))]


def task(target: pd.Series) -> str:
    """What predicting a target is: binary, multiclass or regression."""
    distinct = target.dropna().nunique()
    if distinct <= 2:
        return "binary"
    if kind(target) == "number" or (kind(target) == "whole number" and distinct > FEW):
        return "regression"
    return "multiclass"


def of_leak(values: pd.Series, target: pd.Series) -> list[str]:
    """Whether a column alone predicts the target too well to be known beforehand."""
    labelled = target.notna()
    rows = pd.DataFrame({"value": values[labelled], "target": target[labelled]})
    rows = rows.sample(min(SAMPLE, len(rows)), random_state=0)
    regression = task(target) == "regression"
    label: Any = rows["target"].to_numpy(dtype=float) if regression else codes(rows["target"])
    if len(rows) < 2 * FEW or len(np.unique(label)) < 2:
        return []
    if kind(values) in ("number", "whole number", "truth"):
        numbers = rows["value"].to_numpy(dtype=float, na_value=np.nan)
    else:
        numbers = codes(rows["value"]).astype(float)
        if numbers.max() + 1 > len(rows) / 2:
            return []  # hardly any value comes twice
    tree = DecisionTreeRegressor if regression else DecisionTreeClassifier
    model = tree(max_depth=None if regression else 12, min_samples_leaf=2, random_state=0)
    scoring = "r2" if regression else "balanced_accuracy"
    data = (numbers[:, None], label)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of classes that are rare, or as many as rows
        if not get_scorer(scoring)(model.fit(*data), *data) >= TOO_GOOD:
            return []  # not even of the rows that it has seen
        score = float(np.mean(cross_val_score(model, *data, cv=3, scoring=scoring)))
    if not score >= TOO_GOOD:
        return []
    measure = "R²" if regression else "balanced accuracy"
    return [f"alone predicts the target ({measure} {score:.2f}): is it known in time?"]


def of_table(frame: pd.DataFrame, target: str | None) -> list[str]:
    """Remarks on the rows, and on the target."""
    names = [str(name) for name in frame.columns]
    remarks = []
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        remarks.append(f"columns of one name: {', '.join(repeated)}")
    plain = frame.apply(codes) if len(frame.columns) else frame
    if again := int(plain.duplicated().sum()):
        repeats = f"repeats of another row: {again:,}"
        remarks.append(f"{repeats}; they may fall on both sides of a split")
    if target is None:
        return remarks
    type_ = task(frame[target])
    remarks.append(f"task of predicting {target}: {type_}")
    if absent := int(frame[target].isna().sum()):
        remarks.append(
            f"{target} is missing in {counted(absent, 'row')}: nothing to learn from them"
        )
    if type_ != "regression":
        counts = frame[target].value_counts()
        if len(counts) < 2:
            remarks.append(f"{target} has one class only: there is nothing to tell apart")
        rare = counts[(counts < FEW) | (counts < 0.01 * len(frame))]
        if len(rare):
            classes = (f"{name} ({counted(n, 'row')})" for name, n in rare.head(5).items())
            remarks.append(f"rare classes: {', '.join(classes)}")
    others = plain.drop(columns=target)
    if len(others.columns):
        alike = others.duplicated(keep=False)
        labels = plain[target][alike].groupby([others[name][alike] for name in others]).nunique()
        if clashing := int((labels > 1).sum()):
            alike = counted(clashing, "group")
            remarks.append(f"{alike} of rows that are alike in all else but {target}")
    return remarks
