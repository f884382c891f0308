"""What to make of a table: the role of each column, the task, the split.

What the user said holds; the rest is proposed from what the table shows, each with its reason.
"""

import difflib
import re
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from strata.core.errors import Fault
from strata_adopt import remarks
from strata_adopt.facts import Column, Facts
from strata_adopt.scan import Table

LEAST = 30  # rows of which something can be learnt, validated and tested
FEW = 10  # rows that a class has at least; periods, and groups, that a split is made of
MOST_CLASSES = 100
PERIODS = {"year": "Y", "quarter": "Q", "month": "M", "week": "W", "day": "D"}
RESERVED = {"partition", "split"}  # what the pipeline calls its own columns
WHEN = re.compile(r"date|time|day|when|stamp|created|sold|_at$|_on$", re.IGNORECASE)
WHOSE = re.compile(
    r"customer|client|patient|user|subject|person|group|household|store|site|device|_id$",
    re.IGNORECASE,
)
USELESS = (  # how the remark on a column begins that is no feature
    "constant",
    "empty",
    "an identifier",
    "alone predicts",
    "the same as",
    "almost the same as",
)
YES = ("1", "1.0", "true", "yes", "y", "positive")


@dataclass(frozen=True)
class Options:
    """What the user said: names of columns, None where nothing was.

    An empty ``time`` or ``group`` says that there is none.
    """

    target: str
    time: str | None = None
    group: str | None = None
    key: tuple[str, ...] = ()
    weight: str | None = None
    positive: str | None = None
    task: str | None = None
    drop: tuple[str, ...] = ()


@dataclass
class Field:
    """A column with its role and what there is to say of it.

    Roles: target, key, time, group, weight, feature, free text, left out; ``why`` it is left out.
    """

    column: Column
    facts: Facts
    role: str = "feature"
    why: str = ""
    remarks: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The column's name, as the pipeline has it."""
        name = self.column.name
        return f"{name}_" if name in RESERVED else name

    @property
    def kind(self) -> str:
        """What its values are: whole number, number, truth, moment or text."""
        if self.column.kind == "whole number" and self.facts.missing:
            return "number"  # only these can be missing, and be numbers
        return self.column.kind

    @property
    def described(self) -> list[str]:
        """Name, kind, role, share of missing values, distinct values, and all there is to say."""
        facts = self.facts
        distinct = "many" if facts.counts is None else f"{len(facts.counts):,}"
        said = [self.why] if self.why and self.why not in self.remarks else []
        return [
            *(self.name, self.kind, self.role, remarks.share(facts.missing / facts.rows), distinct),
            "; ".join([*said, *self.remarks]),
        ]

    def leave_out(self, why: str) -> None:
        """Say that no stage after prepare knows this column."""
        self.role, self.why = "left out", why


@dataclass
class Proposal:
    """All that the generated project is made of."""

    options: Options
    table: Table
    fields: list[Field]
    task: str = ""
    positive: Any = None
    classes: list[Any] = field(default_factory=list)
    rare: list[Any] = field(default_factory=list)  # classes of too few rows
    repeats: str = ""  # "" keep them, "rows" that repeat go, "key": of one key the last stays
    by: str = ""
    period: str | None = None
    validation: float = 0.2
    test: float = 0.2
    partition: str = "all"  # or file, month
    remarks: list[str] = field(default_factory=list)

    def of(self, *roles: str) -> list[Field]:
        """The columns of these roles."""
        return [each for each in self.fields if each.role in roles]

    def one(self, role: str) -> Field | None:
        """The column of a role that at most one has."""
        return next(iter(self.of(role)), None)

    @property
    def target(self) -> Field:
        """What is predicted."""
        return self.of("target")[0]

    @property
    def rows(self) -> int:
        """Rows that have a target."""
        return self.target.facts.rows - self.target.facts.missing


@dataclass(frozen=True)
class Notes:
    """What is remarkable in a sample: of each column, by name, and of the rows.

    ``repeats`` keeps what ``repeated`` has found of a key, since that takes a pass over all rows.
    """

    columns: dict[str, list[str]]
    rows: list[str]
    repeats: dict[tuple[str, ...], tuple[int, int]] = field(default_factory=dict)


def noted(table: Table, target: str) -> Notes:
    """Look at the sample. Raises Fault if it has no such target."""
    check_names(table, Options(target))
    found = {row.name: row.remarks for row in remarks.columns(table.sample, target)}
    return Notes(found, remarks.of_the_table(table.sample, target))


def proposed(table: Table, options: Options, notes: Notes) -> Proposal:
    """Propose. Raises Fault if no model can come of it."""
    check_names(table, options)
    fields = [Field(column, table.facts[name]) for name, column in table.columns.items()]
    made = Proposal(options, table, fields)
    by_name = {each.column.name: each for each in fields}
    by_name[options.target].role = "target"
    for role, names in {
        "time": [options.time], "group": [options.group], "weight": [options.weight],
        "key": options.key, "left out": options.drop,
    }.items():  # fmt: skip
        for name in filter(None, names):
            if by_name[name].role not in ("feature", "key"):
                raise Fault(f"{name!r} cannot be {by_name[name].role} and {role}")
            by_name[name].role = role
    for name in options.drop:
        by_name[name].leave_out("not known when the prediction is due")
    _task(made)
    _remarks(made, notes)
    _key(made, notes)
    _when_and_whose(made)
    _features(made)
    _split(made)
    _partition(made)
    return made


def check_names(table: Table, options: Options) -> None:
    """Raise Fault for an option that names a column which is not there."""
    asked = [options.target, options.time, options.group, options.weight]
    for name in filter(None, [*asked, *options.key, *options.drop]):
        if name not in table.columns:
            near = difflib.get_close_matches(name, table.columns, n=1, cutoff=0.5)
            has = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(table.columns)}"
            raise Fault(f"there is no column {name!r}; {has}"[:500])


def _task(made: Proposal) -> None:
    target, sample = made.target, made.table.sample
    if made.rows < LEAST:
        raise Fault(
            f"{made.rows} rows with a {target.name!r} are too few to train, validate and test "
            f"on: {LEAST} are the least"
        )
    made.task = made.options.task or remarks.task(sample[target.column.name])
    if made.task == "regression":
        if target.kind not in ("number", "whole number"):
            raise Fault(f"{target.name!r} is {target.kind}, no number: a regression has none")
        if target.facts.low == target.facts.high:
            raise Fault(f"{target.name!r} is {target.facts.low} in all rows: nothing to learn")
        return
    counts = target.facts.counts
    if counts is None or len(counts) > MOST_CLASSES:
        many = "more than 1,000" if counts is None else f"{len(counts):,}"
        raise Fault(f"{target.name!r} has {many} different values: too many to be classes")
    if len(counts) < 2:
        raise Fault(f"{target.name!r} is {next(iter(counts))!r} in all rows: nothing to tell apart")
    if target.kind == "moment":
        raise Fault(f"{target.name!r} is a moment, no class")
    made.classes = sorted(counts, key=lambda value: (str(type(value)), value))
    if made.task == "binary" and len(counts) > 2:
        raise Fault(f"{target.name!r} has {len(counts)} classes: the task is multiclass")
    if made.task == "multiclass" and len(counts) == 2:
        raise Fault(f"{target.name!r} has two classes: the task is binary")
    few = {value: count for value, count in counts.items() if count < FEW}
    if made.task == "binary":
        made.positive = _positive(made, counts)
        if few:
            raise Fault(f"{target.name!r} is {next(iter(few))!r} in {min(few.values())} rows only")
    elif few:
        made.rare = sorted(few, key=str)
        if len(counts) - len(few) < 2:
            raise Fault(f"the classes of {target.name!r} have fewer than {FEW} rows each")
        some = ", ".join(map(str, made.rare[:5]))
        made.remarks.append(f"classes of fewer than {FEW} rows are left out by prepare: {some}")


def _positive(made: Proposal, counts: Any) -> Any:
    said = made.options.positive
    if said is not None:
        for value in counts:
            if str(value) == said:
                return value
        raise Fault(f"no {made.target.name!r} is {said!r}; there are {', '.join(map(str, counts))}")
    named = [value for value in counts if str(value).strip().lower() in YES]
    return named[0] if len(named) == 1 else min(counts, key=lambda value: (counts[value], value))


def _remarks(made: Proposal, notes: Notes) -> None:
    """What spoils projects, and what is done about it."""
    for each in made.fields:
        reading, facts = each.column.reading, each.facts
        each.remarks = [one for one in notes.columns[each.column.name] if one != "the target"]
        if reading.format:
            each.remarks.append(f"dates as text: read as {reading.format}")
        if reading.decimal == ",":
            each.remarks.append("decimal comma: read as numbers")
        if unit := f"{reading.before}{reading.after}".strip():
            each.remarks.append(f"in {unit}: read as numbers")
        if reading.marks:
            marks = ", ".join(sorted(reading.marks))
            each.remarks.append(f"{marks} among numbers: read as missing")
        if each.role == "feature" and (facts.missing == facts.rows):
            each.leave_out("empty")
        for remark in each.remarks:
            if each.role == "feature" and remark.startswith(USELESS):
                each.leave_out(remark)
            if each.role == "feature" and "moments in the future" in remark:
                each.leave_out(f"has {remark}")
        personal = any("personal" in remark for remark in each.remarks)
        if each.role == "feature" and personal and _distinct(each) > remarks.FEW:
            each.leave_out("personal data, by its name")
    made.remarks += [
        one for one in notes.rows
        if not one.startswith(("columns of one name", "predicting"))
    ]  # fmt: skip
    if made.target.facts.missing:
        made.remarks.append("rows without a target are left out by prepare")


def _distinct(each: Field) -> float:
    return float("inf") if each.facts.counts is None else len(each.facts.counts)


def _key(made: Proposal, notes: Notes) -> None:
    """The columns that name a row, if any do."""
    key = made.of("key")
    candidates = [[each.column.name for each in key]] if key else []
    sample = made.table.sample
    for each in made.fields if not key else []:
        values = sample[each.column.name]
        named = each.kind in ("text", "whole number") and not each.facts.missing
        unique = each.why.startswith("an identifier")
        almost = remarks.NAMED.search(each.name) and values.nunique() > 0.95 * len(values)
        if named and each.role in ("feature", "left out") and (unique or almost):
            candidates.append([each.column.name])
    sample_repeats = int(sample.duplicated().sum())
    for names in candidates:
        if tuple(names) not in notes.repeats:
            notes.repeats[tuple(names)] = repeated(made.table, names, made.options.target)
        repeats, clashes = notes.repeats[tuple(names)]
        said = " and ".join(names)
        if not repeats:
            _take_key(made, names)
            return
        if key or repeats < 0.05 * made.table.rows:
            made.remarks.append(
                f"{repeats:,} rows repeat the {said} of another, {clashes:,} of them with another "
                f"{made.options.target}: prepare keeps the last of each"
            )
            made.repeats = "key"
            _take_key(made, names)
            return
    if sample_repeats and sample_repeats <= 0.05 * len(sample):
        made.repeats = "rows"
        made.remarks.append("prepare leaves out rows that repeat another in all columns")
    elif sample_repeats:
        made.remarks.append("they are kept, since so many may well be rows of their own")


def _take_key(made: Proposal, names: list[str]) -> None:
    for each in made.fields:
        if each.column.name in names:
            each.role, each.why = "key", ""


def repeated(table: Table, names: list[str], target: str) -> tuple[int, int]:
    """How many rows repeat the key of one before, and how many of them with another target."""
    parts = []
    for name in table.source.files:
        for batch in table.source.batches(name):
            frame = batch.select([*dict.fromkeys([*names, target])]).to_pandas()
            hashed = pd.util.hash_pandas_object(frame[names], index=False)
            parts.append(pd.DataFrame({"key": hashed, "row": pd.util.hash_pandas_object(
                frame[[*names, target]], index=False)}))  # fmt: skip
    every = pd.concat(parts, ignore_index=True)
    again = every["key"].duplicated()
    return int(again.sum()), int((again & ~every["row"].duplicated()).sum())


def _when_and_whose(made: Proposal) -> None:
    """The column of time, or of groups, by which rows are held out, if one is likely."""
    if made.one("time") is None and made.one("group") is None:
        moments = [each for each in made.of("feature") if _is_when(each)]
        if made.options.time == "":
            moments = []
        moments.sort(key=lambda each: not WHEN.search(each.name))
        for each in moments:
            if _period_of(made.table.sample[each.column.name]):
                each.role = "time"
                break
        else:
            for each in [] if made.options.group == "" else made.of("feature"):
                distinct = made.table.sample[each.column.name].nunique()
                repeated = FEW <= distinct <= len(made.table.sample) / 2
                named = each.kind in ("text", "whole number") and WHOSE.search(each.name)
                if named and repeated and not each.facts.missing and distinct > 2 * FEW:
                    each.role = "group"
                    each.remarks.append("rows of one go to the same side of the split")
                    break
    time = made.one("time")
    if time and time.kind != "moment":
        raise Fault(f"{time.name!r} is {time.kind}, and no moment: it cannot be the time")
    if time and time.facts.missing:
        made.remarks.append(f"rows without {time.name} are left out by prepare")


def _is_when(each: Field) -> bool:
    """Whether a column says when a row came to be."""
    personal = any("personal" in one for one in each.remarks)
    return each.kind == "moment" and not each.facts.missing and not personal


def _features(made: Proposal) -> None:
    for each in made.of("feature"):
        if each.kind == "text" and "free text" in each.remarks:
            each.role = "free text"
        elif each.kind == "text":
            values = made.table.sample[each.column.name].dropna()
            if values.nunique() > max(remarks.FEW, 0.5 * len(values)):
                each.leave_out("almost each row has a value of its own")
    if not made.of("feature", "free text", "time"):
        raise Fault("no column is left to predict from: " + "; ".join(
            f"{each.name}: {each.why or each.role}" for each in made.fields
        ))  # fmt: skip


def _period_of(moments: pd.Series) -> str | None:
    """The longest period of which there are enough to hold some out."""
    for name, code in PERIODS.items():
        if moments.dt.tz_localize(None).dt.to_period(code).nunique() >= FEW:
            return name
    return None


def _split(made: Proposal) -> None:
    share = 0.2 if made.rows < 5_000 else 0.15 if made.rows < 50_000 else 0.1
    made.validation = made.test = share
    if time := made.one("time"):
        made.by = "time"
        moments = made.table.sample[time.column.name].dropna()
        made.period = _period_of(moments)
        if made.period is None:
            raise Fault(f"{time.name!r} has too few days to hold out the newest ones")
        units = moments.dt.tz_localize(None).dt.to_period(PERIODS[made.period])
        shares = units.value_counts(normalize=True).sort_index().to_numpy()[::-1]
        enough = [n for n in range(1, len(shares) // 3 + 1) if shares[:n].sum() >= share]
        made.test = enough[0] if enough else max(1, len(shares) // 4)
        then = shares[made.test :]
        enough = [n for n in range(1, len(then) // 3 + 1) if then[:n].sum() >= share]
        made.validation = enough[0] if enough else max(1, len(then) // 4)
    elif group := made.one("group"):
        made.by = "group"
        if made.table.sample[group.column.name].nunique() < FEW:
            raise Fault(f"{group.name!r} has fewer than {FEW} groups: too few to hold some out")
    else:
        made.by = "random" if made.task == "regression" else "stratified"


def _partition(made: Proposal) -> None:
    if len(made.table.source.files) > 1:
        made.partition = "file"
        if made.repeats == "rows":
            made.remarks.append("rows that repeat one of another file stay")
    elif (time := made.one("time")) and made.table.rows >= 100_000 and not time.facts.missing:
        moments = made.table.sample[time.column.name].dropna()
        months = moments.dt.tz_localize(None).dt.to_period("M")
        if months.nunique() == len(pd.period_range(months.min(), months.max(), freq="M")) > 2:
            made.partition = "month"
