"""Lines of Python, one a column: how it is checked, read, and made up for a test."""

import math
import textwrap
from collections import defaultdict
from typing import Any

from strata_adopt.facts import Facts
from strata_adopt.proposal import Field, Proposal

MANY = 40  # columns from which on those that are alike share a line
WIDE = 88  # characters of a list's line


def literal(value: Any) -> str:
    """A value as Python writes it, texts in double quotes."""
    if isinstance(value, str):
        text = repr(value)
        return text if '"' in text else f'"{text[1:-1]}"'
    if isinstance(value, list | tuple):
        ends = "[]" if isinstance(value, list) else "()"
        inner = ", ".join(map(literal, value))
        return ends[0] + inner + ("," if len(value) == 1 and ends == "()" else "") + ends[1]
    if isinstance(value, dict):
        return "{" + ", ".join(f"{literal(k)}: {literal(v)}" for k, v in value.items()) + "}"
    return repr(value)


def listed(names: list[str]) -> str:
    """A list of many names in few lines, which the formatter is to leave alone."""
    text = ", ".join(literal(name).replace(" ", "\0") for name in names)
    lines = textwrap.wrap(text, WIDE, break_long_words=False, break_on_hyphens=False)
    body = "\n".join(f"    {line}" for line in lines).replace("\0", " ")
    return f"[\n{body},\n]  # fmt: skip"


def roomy(facts: Facts, made: Proposal) -> tuple[float, float]:
    """A range with room to spare, in round figures; rounder ones where many columns share them."""
    steps = (1, 10) if len(made.fields) > MANY else (1, 2, 5, 10)
    most = _round_up(2 * max(abs(facts.low), abs(facts.high)), steps)
    return (-most if facts.low < 0 else 0), (most if facts.high > 0 else 0)


def _round_up(value: float, steps: tuple[int, ...] = (1, 2, 5, 10)) -> float:
    if value == 0:
        return 1
    power = 10.0 ** math.floor(math.log10(value))
    step = next(step for step in steps if step * power >= value * (1 - 1e-9))
    found = step * power
    return int(found) if found >= 1 else float(f"{found:.0e}")


class Lines:
    """Lines of a dict, one a column; of many columns, those that are alike share one.

    ``groups`` are the lists of names that such lines go through.
    """

    def __init__(self, many: bool, prefix: str) -> None:
        self.many, self.prefix = many, prefix
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
                own = [value.replace("[name]", f"[{literal(name)}]") for name in names]
                self.lines += [f"{literal(n)}: {v}," for n, v in zip(names, own, strict=True)]
                continue
            group = f"{self.prefix}_{len(self.groups) + 1}" if self.groups else self.prefix
            self.groups[group] = listed(names)
            self.lines.append(f"**{{name: {value} for name in {group}}},")
        return self


def checks(made: Proposal) -> Lines:
    """How schema.py says each column."""
    found = Lines(len(made.fields) > MANY, "ALIKE")
    for each in made.fields:
        found.add(each.name, check(each, made))
    return found.close()


def check(each: Field, made: Proposal) -> str:
    """A call of one of the rules of kit/base/rules.py."""
    facts, missing = each.facts, "missing=True" if each.facts.missing else ""
    match each.kind:
        case "number" if facts.low is None:
            return "number(0, 1, missing=True)"
        case "whole number" | "number":
            low, high = roomy(facts, made)
            if each.role in ("key", "group") and each.kind == "whole number":
                return f"whole({min(int(low), 0)}, 2**62)"
            if each.kind == "whole number":
                return f"whole({low:_}, {high:_})"
            return f"number({_plain(low)}, {_plain(high)}{', ' + missing if missing else ''})"
        case "truth":
            return f"truth({missing})"
        case "moment":
            utc = "utc=True" if zoned(each, made) else ""
            return f"moment({', '.join(filter(None, [utc, missing]))})"
    names = categories(each)
    if names:
        return f"one_of({', '.join([*map(literal, names), *filter(None, [missing])])})"
    longest = int(_round_up(2 * max(facts.longest, 5)))
    return f"text({longest:_}{', ' + missing if missing else ''})"


def _plain(value: float) -> str:
    return f"{value:_}" if isinstance(value, int) else repr(value)


def categories(each: Field) -> list[str]:
    """The texts that a column may have, if these are few and none is rare."""
    counts = each.facts.counts
    if each.kind != "text" or not counts:
        return []
    if each.role == "target":
        return sorted(counts)
    some = max(5, each.facts.rows // 200)
    return sorted(counts) if len(counts) <= 10 and min(counts.values()) >= some else []


def zoned(each: Field, made: Proposal) -> bool:
    """Whether a column's moments are in UTC."""
    return made.table.sample[each.column.name].dt.tz is not None


def conversions(made: Proposal) -> Lines:
    """How ingest.py reads each column, by kit/base/readings.py."""
    csv = made.table.source.format == "csv"
    plain = sum(_call(each, made, "name") == "numbers(text[name])" for each in made.fields)
    found = Lines(plain > 3, "NUMBERS")
    if not csv and any(not each.column.native for each in made.fields):
        found.lines.append("**{name: text[name] for name in TEXTS},")
    for each in made.fields:
        if call := _call(each, made, literal(each.name)):
            found.add(each.name, call, _call(each, made, "name"))
    found.close()
    floats = [each.name for each in made.fields if each.kind == "number"]
    if found.groups and plain == len(floats):
        kinds = "schema.RAW.columns.items()"
        floating = 'str(column.dtype) == "float64"'
        found.groups["NUMBERS"] = f"[name for name, column in {kinds} if {floating}]"
    return found


def _call(each: Field, made: Proposal, name: str) -> str:
    """What gives a column its type; empty for one that is text and stays so."""
    reading, kind = each.column.reading, each.kind
    if each.column.native:
        table = f"table[{name}]"
        if kind == "moment":
            to = ".dt.tz_convert('UTC')" if zoned(each, made) else ""
            unit = "datetime64[us, UTC]" if zoned(each, made) else "datetime64[us]"
            return f'{table}{to}.astype("{unit}")'.replace("'", '"')
        if kind == "truth":
            return f"truths({table}{', missing=True' if each.facts.missing else ''})"
        return f"wholes({table})" if kind == "whole number" else f'{table}.astype("float64")'
    text = f"text[{name}]"
    if kind == "whole number":
        return f"wholes({text})"
    if kind == "number":
        more = [
            f"missing={literal(tuple(sorted(reading.marks)))}" if reading.marks else "",
            f"before={literal(reading.before)}" if reading.before else "",
            f"after={literal(reading.after)}" if reading.after else "",
            'decimal=","' if reading.decimal == "," else "",
        ]
        return f"numbers({', '.join([text, *filter(None, more)])})"
    if kind == "truth":
        return f"truths({text}{', missing=True' if each.facts.missing else ''})"
    if kind == "moment":
        utc = ", utc=True" if reading.zoned else ""
        return f"moments({text}, {literal(reading.format)}{utc})"
    return ""


def is_plain(each: Field) -> bool:
    """Whether a column of numbers has nothing but numbers in it."""
    reading = each.column.reading
    return not (reading.before or reading.after or reading.decimal == ",")


def made_up(made: Proposal) -> Lines:
    """How the tests make up each column of the source."""
    found = Lines(len(made.fields) > MANY, "ALIKE")
    for each in made.fields:
        found.add(each.column.name, _made_up(each, made))
    return found.close()


def _made_up(each: Field, made: Proposal) -> str:
    facts, reading, kind = each.facts, each.column.reading, each.kind
    if each.role == "key" or each.why.startswith("an identifier"):
        if kind == "whole number":
            return "seed * rows + np.arange(rows)"
        if kind == "text":
            return '[f"k{seed}-{n}" for n in range(rows)]'
    if each.role == "group":
        return '[f"g{n % 40}" for n in range(rows)]' if kind == "text" else "np.arange(rows) % 40"
    if each.role == "target" and made.task != "regression":
        classes = [name for name in made.classes if name not in made.rare]
        return f"rng.choice({literal(classes)}, rows)"
    if each.role == "weight":
        return "rng.uniform(0.5, 1, rows).round(3)" if kind == "number" else "np.full(rows, 1)"
    match kind:
        case "whole number":
            low, high = roomy(facts, made)
            return f"rng.integers({low:_}, {high + 1:_}, rows)"
        case "number" if facts.low is None:
            return "np.full(rows, np.nan)"
        case "number":
            low, high = roomy(facts, made)
            drawn = f"rng.uniform({_plain(low)}, {_plain(high)}, rows).round(3)"
            if is_plain(each):
                return drawn
            form = f"{reading.before}{{value}}{reading.after}"
            comma = '.replace(".", ",")' if reading.decimal == "," else ""
            return f'[f"{form}"{comma} for value in {drawn}]'
        case "truth":
            return "rng.choice([True, False], rows)"
        case "moment":
            return _moments(each, made)
    if names := categories(each):
        return f"rng.choice({literal(names)}, rows)"
    return 'rng.choice(["a", "b", "c"], rows)'


def _moments(each: Field, made: Proposal) -> str:
    sample = made.table.sample[each.column.name].dropna()
    days = max(1, (sample.max() - sample.min()).days)
    zone = ', tz="UTC"' if zoned(each, made) else ""
    first = f'pd.Timestamp("{sample.min().date()}"{zone})'
    steps = f'pd.to_timedelta(np.linspace(0, {days}, rows).astype(int), unit="D")'
    if each.column.native:
        return f"{first} + {steps}"
    form = each.column.reading.format
    if form == "ISO8601":
        form = "%Y-%m-%dT%H:%M:%SZ" if zoned(each, made) else "%Y-%m-%d"
    return f"({first} + {steps}).strftime({literal(form)})"
