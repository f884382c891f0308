"""What to make of a table: the role of each column, the task, the split.

What the user said holds; the rest is proposed from what the table shows, each with its reason.
"""

import dataclasses
import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from strata.core.errors import Fault
from strata.core.texts import counted
from strata_adopt import remarks
from strata_adopt.facts import Column, Facts
from strata_adopt.likeness import likeness
from strata_adopt.readings import left_over
from strata_adopt.scan import Table

LEAST = 30  # rows of which something can be learnt, validated and tested
ALIKE = 0.1  # the correlation of targets within a group, from which on a random split flatters
FEW = 10  # rows that a class has at least; periods, and groups, that are split
MONTHLY = 300  # rows of each of the newest months with which one of them can be held out
MOST_CLASSES = 100
PERIODS = {"year": "Y", "quarter": "Q", "month": "M", "week": "W", "day": "D"}
RESERVED = {"partition", "split"}  # what the pipeline calls its own columns
WHEN = re.compile(r"date|time|day|when|stamp|created|sold|_at$|_on$", re.IGNORECASE)
WHOSE = re.compile(
    r"customer|client|patient|user|subject|person|group|household|store|site|device|_id$",
    re.IGNORECASE,
)
PARTITIONS = {"all": "for all rows", "file": "a source file", "month": "a month"}  # one each
USELESS = ("constant", "empty", "an identifier")  # how a remark begins on what says nothing
LATE = ("alone predicts",)  # and on what says too much
YES = ("1", "1.0", "true", "yes", "y", "positive")


@dataclass(frozen=True)
class Options:
    """What the user said: names of columns, None for those that are to be proposed.

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
    """A column with its role and the remarks on it.

    Roles: target, key, time, group, weight, feature, free text, left out; ``why`` it is left out.
    """

    column: Column
    facts: Facts
    role: str = "feature"
    why: str = ""
    remarks: list[str] = dataclasses.field(default_factory=list)

    @property
    def name(self) -> str:
        """The column's name in the pipeline."""
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
        """Name, kind, role, share of missing values, distinct values, and all remarks."""
        facts = self.facts
        distinct = "many" if facts.counts is None else f"{len(facts.counts):,}"
        why = [self.why] if self.why and self.why not in self.remarks else []
        return [
            *(self.name, self.kind, self.role, remarks.share(facts.missing / facts.rows), distinct),
            "; ".join([*why, *self.remarks]),
        ]

    def leave_out(self, why: str) -> None:
        """Keep this column from all stages after prepare."""
        self.role, self.why = "left out", why


@dataclass
class Plan:
    """All that the project is generated from."""

    options: Options
    table: Table
    fields: list[Field]
    task: str = ""
    positive: Any = None
    classes: list[Any] = dataclasses.field(default_factory=list)
    rare: list[Any] = dataclasses.field(default_factory=list)  # classes of too few rows
    repeats: str = ""  # "" keep them, "rows" that repeat go, "key": of one key the last stays
    by: str = ""
    period: str | None = None
    validation: float = 0.2
    test: float = 0.2
    partition: str = "all"  # or file, month
    remarks: list[str] = dataclasses.field(default_factory=list)

    def of(self, *roles: str) -> list[Field]:
        """The columns of these roles."""
        return [field for field in self.fields if field.role in roles]

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

    def values(self, field: Field) -> pd.Series:
        """A column's values in the sample, but for missing ones."""
        values: pd.Series = self.table.sample[field.column.name].dropna()
        return values


@dataclass(frozen=True)
class Notes:
    """The remarks on a sample: of each column, by name, and of the rows.

    ``same`` has for a column those before it that say the same, each with a remark to fill in with
    its name. ``repeats`` caches what ``repeated`` counts of a key: that takes a pass over all rows.
    """

    columns: dict[str, list[str]]
    same: dict[str, dict[str, str]]
    rows: list[str]
    repeats: dict[tuple[str, ...], tuple[int, int]] = dataclasses.field(default_factory=dict)


def observe(table: Table, target: str) -> Notes:
    """Look closely at the sample. Raises Fault if it has no such target."""
    check_names(table, Options(target))
    columns = remarks.describe(table.sample, target)
    own = {column.name: column.own for column in columns}
    for name, files in table.absent.items():
        more = f" and {len(files) - 1} more files" if len(files) > 1 else ""
        own[name].append(f"not in {files[0]}{more}: read as missing there")
    named = f"the columns are named in {table.source.header}; what is above is left out"
    rows = [*([named] if table.source.header else []), *remarks.of_table(table.sample, target)]
    return Notes(own, {column.name: column.same for column in columns}, rows)


def propose(table: Table, options: Options, notes: Notes) -> Plan:
    """The plan for a table. Raises Fault if no model can come of it, or a date is ambiguous."""
    check_names(table, options)
    if ambiguous := unsettled(table, options):
        column, example = ambiguous
        orders = " or ".join(f"--dates {reading.order}" for reading in column.either)
        raise Fault(
            f"the dates of {column.name!r}, such as {example}, fit more than one order of day and "
            f"month, and no other column tells which: say {orders}"
        )
    fields = {name: Field(column, table.facts[name]) for name, column in table.columns.items()}
    plan = Plan(options, table, list(fields.values()))
    fields[options.target].role = "target"
    for role, names in {
        "time": [options.time], "group": [options.group], "weight": [options.weight],
        "key": options.key, "left out": options.drop,
    }.items():  # fmt: skip
        for name in filter(None, names):
            if fields[name].role not in ("feature", "key"):
                raise Fault(f"{name!r} cannot be {fields[name].role} and {role}")
            fields[name].role = role
    for field in plan.of("target", "time", "group", "weight", "key"):
        if files := table.absent.get(field.column.name):
            raise Fault(
                f"{files[0]} has no column {field.column.name!r}, which is the {field.role}"
            )
    for name in options.drop:
        fields[name].leave_out("not known when the prediction is due")
    _set_task(plan)
    _add_remarks(plan, notes)
    _set_key(plan, notes)
    _set_time_or_group(plan)
    _leave_out_the_same(plan, notes)
    _set_features(plan)
    _set_split(plan)
    _set_partition(plan)
    return plan


def check_names(table: Table, options: Options) -> None:
    """Raise Fault for an option that names a column which is not there."""
    names = [options.target, options.time, options.group, options.weight]
    for name in filter(None, [*names, *options.key, *options.drop]):
        if name not in table.columns:
            near = difflib.get_close_matches(name, table.columns, n=1, cutoff=0.5)
            has = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(table.columns)}"
            raise Fault(f"there is no column {name!r}; {has}"[:500])


def unsettled(table: Table, options: Options) -> tuple[Column, str] | None:
    """A column of dates that fit more than one order of day and month, and one of its dates."""
    for name, column in table.columns.items():
        moments = table.sample[name].dropna()
        if len(column.either) > 1 and name not in options.drop:
            differ = moments[(moments.dt.day != moments.dt.month) & (moments != moments.min())]
            if len(differ):
                return column, str(differ.dt.strftime(column.reading.format).iloc[0])
    return None


def _set_task(plan: Plan) -> None:
    target, name = plan.target, repr(plan.target.name)
    if plan.rows < LEAST:
        raise Fault(
            f"{counted(plan.rows, 'row')} with a {name}: too few to train, validate and test on, "
            f"for which {LEAST} are the least"
        )
    plan.task = plan.options.task or remarks.task(plan.table.sample[target.column.name])
    if plan.task == "regression":
        if target.kind not in ("number", "whole number"):
            raise Fault(f"{name} is {target.kind}, no number: a regression has none")
        if target.facts.low == target.facts.high:
            raise Fault(f"{name} is {target.facts.low} in all rows: nothing to learn")
        return
    counts = target.facts.counts
    if counts is None or len(counts) > MOST_CLASSES:
        many = "more than 1,000" if counts is None else f"{len(counts):,}"
        raise Fault(f"{name} has {many} different values: too many to be classes")
    if len(counts) < 2:
        raise Fault(f"{name} is {next(iter(counts))!r} in all rows: nothing to tell apart")
    if target.kind == "moment":
        raise Fault(f"{name} is a moment, no class")
    if (plan.task == "binary") != (len(counts) == 2):
        other = "multiclass" if plan.task == "binary" else "binary"
        raise Fault(f"{name} has {len(counts)} classes: the task is {other}")
    plan.classes = sorted(counts, key=lambda value: (str(type(value)), value))
    plan.rare = sorted((value for value in counts if counts[value] < FEW), key=str)
    if plan.task == "binary":
        plan.positive = _positive(plan, counts)
    if not plan.rare:
        return
    if plan.task == "binary":
        only = counted(counts[plan.rare[0]], "row")
        raise Fault(f"{name} is {plan.rare[0]!r} in {only} only: {FEW} are the least")
    if len(counts) - len(plan.rare) < 2:
        frequent = len(counts) - len(plan.rare)
        raise Fault(
            f"{name} has {counted(frequent, 'class')} of {FEW} rows or more, where two are needed: "
            "bring more rows, or make fewer classes of it"
        )
    names = ", ".join(map(str, plan.rare[:5]))
    plan.remarks.append(f"classes of fewer than {FEW} rows are left out by prepare: {names}")


def _positive(plan: Plan, counts: Any) -> Any:
    asked = plan.options.positive
    if asked is not None:
        for value in counts:
            if str(value) == asked:
                return value
        has = ", ".join(map(str, counts))
        raise Fault(f"no {plan.target.name!r} is {asked!r}; there are {has}")
    named = [value for value in counts if str(value).strip().lower() in YES]
    return named[0] if len(named) == 1 else min(counts, key=lambda value: (counts[value], value))


def _add_remarks(plan: Plan, notes: Notes) -> None:
    """Say what spoils projects, and leave it out."""
    for field in plan.fields:
        reading, facts = field.column.reading, field.facts
        field.remarks = [text for text in notes.columns[field.column.name] if text != "the target"]
        if reading.format:
            forms = " or ".join(each.format for each in field.column.either)
            chosen = f" ({field.column.chosen})" if field.column.chosen else ""
            field.remarks.append(f"dates as text: read as {forms}{chosen}")
        if reading.decimal == ",":
            field.remarks.append("decimal comma: read as numbers")
        if unit := f"{reading.before}{reading.after}".strip():
            field.remarks.append(f"in {unit}: read as numbers")
        if reading.marks:
            marks = ", ".join(sorted(reading.marks))
            field.remarks.append(f"{marks} among numbers: read as missing")
        if field.column.kind == "text" and (words := left_over(facts.counts or ())):
            field.remarks.append(f"numbers, but for {', '.join(map(repr, words))}: read as text")
        many = facts.counts is None or len(facts.counts) > remarks.FEW
        reasons = [
            *(["empty"] if facts.missing == facts.rows else []),
            *(text for text in field.remarks if text.startswith((*USELESS, *LATE))),
            *(f"has {text}" for text in field.remarks if " in the future, up to" in text),
            *(text for text in field.remarks if many and text.endswith("personal data")),
        ]
        if field.role == "feature" and reasons:
            field.leave_out(reasons[0])
    not_said = ("columns of one name", "task of predicting")
    plan.remarks += [text for text in notes.rows if not text.startswith(not_said)]
    if plan.target.facts.missing:
        plan.remarks.append("rows without a target are left out by prepare")


def _is_personal(field: Field) -> bool:
    return any(text.endswith("personal data") for text in field.remarks)


def _set_key(plan: Plan, notes: Notes) -> None:
    """Find the columns that name a row, and what of the rows repeats."""
    asked = [field.column.name for field in plan.of("key")]
    sample, target = plan.table.sample, plan.options.target
    likely = [[field.column.name] for field in plan.fields if _may_be_key(plan, field)]
    for names in [asked] if asked else likely:
        if tuple(names) not in notes.repeats:
            notes.repeats[tuple(names)] = repeated(plan.table, names, target)
        repeats, clashes = notes.repeats[tuple(names)]
        if repeats and not asked and repeats >= 0.05 * plan.table.rows:
            continue
        for field in plan.fields:
            if field.column.name in names:
                field.role, field.why = "key", ""
        if repeats:
            plan.repeats = "key"
            plan.remarks.append(
                f"repeats of the {' and '.join(names)} of another row: {repeats:,}, {clashes:,} of "
                f"them with another {target}; prepare keeps the last of each"
            )
        return
    repeats = int(sample.duplicated().sum())
    if repeats > 0.05 * len(sample):
        plan.remarks.append("they are kept, since so many may well be rows of their own")
    elif repeats:
        plan.repeats = "rows"
        plan.remarks.append("prepare leaves out rows that repeat another in all columns")


def _may_be_key(plan: Plan, field: Field) -> bool:
    values = plan.table.sample[field.column.name]
    almost = remarks.NAMED.search(field.name) and values.nunique() > 0.95 * len(values)
    return (
        field.kind in ("text", "whole number")
        and not field.facts.missing
        and field.role in ("feature", "left out")
        and bool(almost or field.why.startswith("an identifier"))
    )


def repeated(table: Table, names: list[str], target: str) -> tuple[int, int]:
    """How many rows repeat the key of one before, and how many of them with another target."""

    def hashes(frame: pd.DataFrame, columns: list[str]) -> pd.Series:
        return pd.util.hash_pandas_object(frame[columns], index=False)

    parts, both = [], list(dict.fromkeys([*names, target]))
    for name in table.source.files:
        for batch in table.source.batches(name):
            frame = batch.select(both).to_pandas()
            parts.append(pd.DataFrame({"key": hashes(frame, names), "row": hashes(frame, both)}))
    rows = pd.concat(parts, ignore_index=True)
    again = rows["key"].duplicated()
    return int(again.sum()), int((again & ~rows["row"].duplicated()).sum())


def _set_time_or_group(plan: Plan) -> None:
    """Find the column of time, or of groups, by which rows are held out."""
    if plan.one("time") is None and plan.one("group") is None:
        features = plan.of("feature")
        times = [] if plan.options.time == "" else [f for f in features if _may_be_time(plan, f)]
        groups = [f for f in features if plan.options.group != "" and _may_be_group(plan, f)]
        if times:
            min(times, key=lambda field: not WHEN.search(field.name)).role = "time"
        elif groups:
            named = [field for field in groups if WHOSE.search(field.name)]
            group = (named or sorted(groups, key=lambda field: -_likeness(plan, field)))[0]
            group.role = "group"
            group.remarks.append("rows of one go to the same side of the split")
            if not named:
                group.remarks.append(
                    f"their targets are alike (correlation {_likeness(plan, group):.2f}); "
                    "--group '' if a model meets no new one"
                )
    if time := plan.one("time"):
        if time.kind != "moment":
            raise Fault(f"{time.name!r} is {time.kind}, and no moment: it cannot be the time")
        if time.facts.missing:
            plan.remarks.append(f"rows without {time.name} are left out by prepare")


def _may_be_time(plan: Plan, field: Field) -> bool:
    if field.kind != "moment" or field.facts.missing or _is_personal(field):
        return False
    return _period_of(plan.values(field)) is not None


def _may_be_group(plan: Plan, field: Field) -> bool:
    if field.kind not in ("text", "whole number") or field.facts.missing:
        return False
    distinct, rows = plan.values(field).nunique(), len(plan.table.sample)
    if WHOSE.search(field.name):
        return 2 * FEW < distinct <= rows / 2
    return 5 * FEW < distinct <= rows / 5 and _likeness(plan, field) >= ALIKE


def _likeness(plan: Plan, field: Field) -> float:
    known = plan.values(plan.target)
    return likeness(plan.table.sample.loc[known.index, field.column.name], known)


def _leave_out_the_same(plan: Plan, notes: Notes) -> None:
    """Leave out what says the same as a feature before it.

    Of a column that is no feature only another name goes, as it would bring back what was left out,
    or says of a new row what no row said: a number of its own for each day is no name of the day.
    """
    fields = {field.column.name: field for field in plan.fields}
    for field in plan.of("feature"):
        own = field.column.name
        before = notes.same.get(own, {})
        after = {name: same[own] for name, same in notes.same.items() if own in same}
        for name, text in {**before, **after}.items():
            other, remark = fields[name], text.format(name)
            if other.role == "feature":
                why = remark if name in before else ""
            elif not (text == remarks.ALMOST or _is_name(field)):
                why = ""
            elif other.role in ("time", "group"):
                why = f"{remark}, by which rows are held out"
            else:
                why = f"{remark}: {other.why}" if _says_too_much(other) else ""
            if why:
                field.leave_out(why)
                break


def _is_name(field: Field) -> bool:
    return field.kind in ("text", "truth") or bool(remarks.NAMED.search(field.name))


def _says_too_much(field: Field) -> bool:
    useless = (*USELESS, remarks.ALMOST[:8], remarks.TWIN[:8])
    return field.role == "left out" and not field.why.startswith(useless)


def _set_features(plan: Plan) -> None:
    for field in plan.of("feature"):
        if field.kind == "text" and "free text" in field.remarks:
            field.role = "free text"
        elif field.kind == "text":
            values = plan.values(field)
            if values.nunique() > max(remarks.FEW, 0.5 * len(values)):
                distinct, rows = counted(values.nunique(), "text"), counted(len(values), "row")
                field.leave_out(f"{distinct} in {rows}: too many for categories")
    if not plan.of("feature", "free text", "time"):
        why = "; ".join(f"{field.name}: {field.why or field.role}" for field in plan.fields)
        raise Fault(f"no column is left to predict from: {why}")


def periods(moments: pd.Series, period: str) -> pd.Series:
    """The periods that moments are in: years, quarters, months, weeks or days."""
    within: pd.Series = moments.dt.tz_localize(None).dt.to_period(PERIODS[period])
    return within


def _period_of(moments: pd.Series) -> str | None:
    """The longest period of which there are enough to hold some out."""
    return next((name for name in PERIODS if periods(moments, name).nunique() >= FEW), None)


def _set_split(plan: Plan) -> None:
    share = 0.2 if plan.rows < 5_000 else 0.15 if plan.rows < 50_000 else 0.1
    plan.validation = plan.test = share
    if time := plan.one("time"):
        plan.by = "time"
        moments = plan.values(time)
        plan.period = _period_of(moments)
        if plan.period is None:
            raise Fault(f"{time.name!r} has too few days to hold out the newest ones")
        months = periods(moments, "month").value_counts(normalize=True).sort_index()
        if plan.period in ("year", "quarter", "month") and months[-2:].min() * plan.rows >= MONTHLY:
            plan.period, plan.test, plan.validation = "month", 1, 1  # what monitoring can go by
            return
        shares = periods(moments, plan.period).value_counts(normalize=True).sort_index()
        newest = list(shares)[::-1]
        plan.test = _newest(newest, share)
        plan.validation = _newest(newest[plan.test :], share)
    elif group := plan.one("group"):
        plan.by = "group"
        if plan.values(group).nunique() < FEW:
            raise Fault(f"{group.name!r} has fewer than {FEW} groups: too few to hold some out")
    else:
        plan.by = "random" if plan.task == "regression" else "stratified"


def _newest(shares: Sequence[float], least: float) -> int:
    """How many of the newest periods hold at least a share of the rows, a third of them at most."""
    counts = range(1, len(shares) // 3 + 1)
    return next((n for n in counts if sum(shares[:n]) >= least), max(1, len(shares) // 4))


def _set_partition(plan: Plan) -> None:
    if len(plan.table.source.files) > 1:
        plan.partition = "file"
        if plan.repeats == "rows":
            plan.remarks.append("rows that repeat one of another file stay")
    elif (time := plan.one("time")) and not time.facts.missing:
        months = periods(plan.values(time), "month")
        if months.nunique() == len(pd.period_range(months.min(), months.max(), freq="M")) > 2:
            plan.partition = "month"
