"""Lines of Python, one a column: how it is checked, read, and made up for a test."""

import math
import re
import textwrap
from collections import defaultdict
from typing import Any

from strata_adopt.facts import Facts
from strata_adopt.plan import Field, Plan

MANY = 40  # columns from which on those that are alike share a line
WIDE = 88  # characters of a list's line


def literal(value: Any) -> str:
    """A value as Python writes it, texts in double quotes."""
    if isinstance(value, str):
        text = repr(value)
        return text if '"' in text else f'"{text[1:-1]}"'
    if isinstance(value, list | tuple):
        items = ", ".join(map(literal, value))
        return f"[{items}]" if isinstance(value, list) else f"({items}{',' * (len(value) == 1)})"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{literal(k)}: {literal(v)}" for k, v in value.items()) + "}"
    return repr(value)


def long_list(names: list[str]) -> str:
    """A list of many names in few lines, which the formatter is to leave alone."""
    text = ", ".join(literal(name).replace(" ", "\0") for name in names)
    lines = textwrap.wrap(text, WIDE, break_long_words=False, break_on_hyphens=False)
    body = "\n".join(f"    {line}" for line in lines).replace("\0", " ")
    return f"[\n{body},\n]  # fmt: skip"


def call(name: str, *arguments: str) -> str:
    """A call of a function, without those arguments that are empty."""
    return f"{name}({', '.join(filter(None, arguments))})"


def roomy(facts: Facts, plan: Plan) -> tuple[float, float]:
    """A range with room to spare, in round figures; rounder ones where many columns share them."""
    steps = (1, 10) if len(plan.fields) > MANY else (1, 2, 5, 10)
    most = _round_up(2 * max(abs(facts.low), abs(facts.high)), steps)
    return (-most if facts.low < 0 else 0), (most if facts.high > 0 else 0)


def _round_up(value: float, steps: tuple[int, ...] = (1, 2, 5, 10)) -> float:
    if value == 0:
        return 1
    power = 10.0 ** math.floor(math.log10(value))
    rounded = power * next(step for step in steps if step * power >= value * (1 - 1e-9))
    return int(rounded) if rounded >= 1 else float(f"{rounded:.0e}")


class Lines:
    """Lines of a dict, one a column; of many columns, those that are alike share one.

    ``groups`` are the lists of names that such lines go through, called after the function that
    the columns share.
    """

    def __init__(self, many: bool) -> None:
        self.many = many
        self.lines: list[str] = []
        self.groups: dict[str, str] = {}
        self._alike: dict[str, list[str]] = defaultdict(list)

    def add(self, name: str, value: str, alike: str | None = None) -> None:
        """A column's line; ``alike`` is its value in terms of ``name`` where columns share one."""
        shared = alike if alike is not None else value if literal(name) not in value else None
        if self.many and shared is not None:
            self._alike[shared].append(name)
        else:
            self.lines.append(f"{literal(name)}: {value},")

    def close(self) -> "Lines":
        """Write the shared lines."""
        for value, names in self._alike.items():
            if len(names) < 4:
                for name in names:
                    own = value.replace("[name]", f"[{literal(name)}]")
                    self.lines.append(f"{literal(name)}: {own},")
                continue
            function = re.match(r"[a-z_]+(?=\()", value)
            group = prefix = function[0].upper() if function else "ALIKE"
            number = 1
            while group in self.groups:
                group, number = f"{prefix}_{number + 1}", number + 1
            self.groups[group] = long_list(names)
            self.lines.append(f"**{{name: {value} for name in {group}}},")
        return self


def checks(plan: Plan) -> Lines:
    """What schema.py demands of each column, by the rules of kit/base/rules.py."""
    lines = Lines(len(plan.fields) > MANY)
    for field in plan.fields:
        lines.add(field.name, check(field, plan))
    return lines.close()


def check(field: Field, plan: Plan) -> str:
    """A call of the rule for a column."""
    facts, missing = field.facts, "missing=True" if field.facts.missing else ""
    match field.kind:
        case "number" if facts.low is None:
            return "number(0, 1, missing=True)"
        case "whole number" if field.role == "group" or _names_a_row(field):
            return f"whole({min(int(roomy(facts, plan)[0]), 0)}, 2**62)"
        case "whole number":
            return call("whole", *map(_figure, roomy(facts, plan)))
        case "number":
            return call("number", *map(_figure, roomy(facts, plan)), missing)
        case "truth":
            return call("truth", missing)
        case "moment":
            return call("moment", "utc=True" if zoned(field, plan) else "", missing)
    if names := categories(field):
        grows = "" if field.role == "target" else "grows=True"
        return call("one_of", *map(literal, names), missing, grows)
    return call("text", f"{int(_round_up(2 * max(facts.longest, 5))):_}", missing)


def _names_a_row(field: Field) -> bool:
    return field.role == "key" or field.why.startswith("an identifier")


def _figure(value: float) -> str:
    return f"{value:_}" if isinstance(value, int) else repr(value)


def categories(field: Field) -> list[str]:
    """The texts that a column may have, if these are few and none is rare."""
    counts = field.facts.counts
    if field.kind != "text" or not counts:
        return []
    frequent = min(counts.values()) >= max(5, field.facts.rows // 200)
    return sorted(counts) if field.role == "target" or (len(counts) <= 10 and frequent) else []


def zoned(field: Field, plan: Plan) -> bool:
    """Whether a column's moments are in UTC."""
    return plan.table.sample[field.column.name].dt.tz is not None


def conversions(plan: Plan) -> Lines:
    """How ingest.py reads each column, by kit/base/readings.py."""
    csv = plan.table.source.format == "csv"
    plain = sum(_conversion(f, plan, "name") == "numbers(text[name])" for f in plan.fields)
    lines = Lines(plain > 3)
    if not csv and any(not field.column.native for field in plan.fields):
        lines.lines.append("**{name: text[name] for name in TEXTS},")
    for field in plan.fields:
        if value := _conversion(field, plan, literal(field.name)):
            lines.add(field.name, value, _conversion(field, plan, "name"))
    lines.close()
    if "NUMBERS" in lines.groups and plain == sum(map(_is_float, plan.fields)):
        kinds = "schema.RAW.columns.items()"
        floating = 'str(column.dtype) == "float64"'
        lines.groups["NUMBERS"] = f"[name for name, column in {kinds} if {floating}]"
    return lines


def _is_float(field: Field) -> bool:
    """Whether schema.py has a column as float64."""
    return field.kind == "number" or (field.kind == "truth" and bool(field.facts.missing))


def _conversion(field: Field, plan: Plan, name: str) -> str:
    """What gives a column its type; empty for one that is text and stays so."""
    reading, native = field.column.reading, bool(field.column.native)
    values = f"table[{name}]" if native else f"text[{name}]"
    match field.kind:
        case "whole number":
            return f"wholes({values})"
        case "truth":
            return call("truths", values, "missing=True" if field.facts.missing else "")
        case "number":
            return call(
                "numbers",
                values,
                f"missing={literal(tuple(sorted(reading.marks)))}" if reading.marks else "",
                f"before={literal(reading.before)}" if reading.before else "",
                f"after={literal(reading.after)}" if reading.after else "",
                'decimal=","' if reading.decimal == "," else "",
            )
        case "moment":
            form = "ISO8601" if native else reading.format
            return call("moments", values, literal(form), "utc=True" * zoned(field, plan))
    return ""


def is_plain(field: Field) -> bool:
    """Whether a column of numbers has nothing but numbers in it."""
    reading = field.column.reading
    return not (reading.before or reading.after or reading.decimal == ",")


def samples(plan: Plan) -> Lines:
    """How the tests make up each column of the source."""
    lines = Lines(len(plan.fields) > MANY)
    for field in plan.fields:
        lines.add(field.column.name, _sample(field, plan))
    return lines.close()


def _sample(field: Field, plan: Plan) -> str:
    facts, reading, kind = field.facts, field.column.reading, field.kind
    if _names_a_row(field):
        if kind == "whole number":
            return "seed * rows + np.arange(rows)"
        if kind == "text":
            return '[f"k{seed}-{n}" for n in range(rows)]'
    if field.role == "group":
        return '[f"g{n % 40}" for n in range(rows)]' if kind == "text" else "np.arange(rows) % 40"
    if field.role == "target" and plan.task != "regression":
        classes = [name for name in plan.classes if name not in plan.rare]
        return f"rng.choice({literal(classes)}, rows)"
    if field.role == "weight":
        return "rng.uniform(0.5, 1, rows).round(3)" if kind == "number" else "np.full(rows, 1)"
    match kind:
        case "whole number":
            low, high = roomy(facts, plan)
            return f"rng.integers({low:_}, {high + 1:_}, rows)"
        case "number" if facts.low is None:
            return "np.full(rows, np.nan)"
        case "number":
            ends = map(_figure, roomy(facts, plan))
            numbers = f"{call('rng.uniform', *ends, 'rows')}.round(3)"
            if is_plain(field):
                return numbers
            comma = '.replace(".", ",")' if reading.decimal == "," else ""
            return f'[f"{reading.before}{{value}}{reading.after}"{comma} for value in {numbers}]'
        case "truth":
            return "rng.choice([True, False], rows)"
        case "moment":
            return _moments(field, plan)
    return f"rng.choice({literal(categories(field) or ['a', 'b', 'c'])}, rows)"


def _moments(field: Field, plan: Plan) -> str:
    moments = plan.values(field)
    days = max(1, (moments.max() - moments.min()).days)
    zone = ', tz="UTC"' if zoned(field, plan) else ""
    first = f'pd.Timestamp("{moments.min().date()}"{zone})'
    steps = f'pd.to_timedelta(np.linspace(0, {days}, rows).astype(int), unit="D")'
    if field.column.native:
        return f"{first} + {steps}"
    form = field.column.reading.format
    if form == "ISO8601":
        form = "%Y-%m-%dT%H:%M:%SZ" if zoned(field, plan) else "%Y-%m-%d"
    return f"({first} + {steps}).strftime({literal(form)})"
