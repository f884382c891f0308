"""How the texts of a column are read: as numbers, moments, truths, or as the texts they are.

A column of a text file has no type. It is read in the strictest way that fits all of its values.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

MISSING = ["", "NA", "N/A", "NaN", "nan", "null", "NULL", "#N/A"]  # in any text file
MARKS = re.compile(  # any of these, beside any numbers
    r"[?.\-–*/]+|(?i:unknown|missing|none|nil|undefined|(k|n)\.? ?a\.?|n/[ak]"
    r"|no (answer|data|value)|not (applicable|available|given|known|stated)|unbekannt|keine angabe)"
)
FEW = 3  # marks of a missing value that one column of numbers has at most
MANY = 20  # different numbers, beside which any other word is a mark
WORD = re.compile(r"[^\d,;]{1,30}")
DATES = [  # a full year before a short one
    *("%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%Y/%m/%d", "%d-%m-%Y", "%m-%d-%Y"),
    *("%d.%m.%y", "%d/%m/%y", "%m/%d/%y", "%y/%m/%d", "%d-%m-%y", "%m-%d-%y", "%y-%m-%d"),
    *("%d %b %Y", "%d-%b-%Y", "%d-%b-%y", "%b %d, %Y", "%d %B %Y", "%B %d, %Y"),
]
TIMES = ["", " %H:%M", " %H:%M:%S", " %H:%M:%S.%f", " %I:%M %p", " %I:%M:%S %p"]
FORMATS = ["ISO8601", *(date + time for date in DATES for time in TIMES)]
ORDERS = {"d": "day-first", "m": "month-first", "y": "year-first"}
DATED = re.compile(r"\d{1,4}[-/. ]\w{1,9}[-/. ,]+\d{1,4}([T ].*)?|[A-Z][a-z]{2,8} \d{1,2}, \d{4}")
ZONED = re.compile(r".*[T ].*(Z|[+-]\d\d:?\d\d)")
NUMBERS = {
    ".": r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?",
    ",": r"[-+]?(?:\d{1,3}(?:\.\d{3})+|\d+)(?:,\d+)?",
}
AROUND = r"(?P<before>(?:[€$£¥]|EUR|USD|GBP|CHF)?\s*){}(?P<after>\s*[^\d\s.,@]\S{{0,8}})?"


@dataclass(frozen=True)
class Reading:
    """One way to read a column.

    ``kind`` is whole number, number, truth, moment or text. A number may have something before or
    after it, a decimal comma, and marks that stand for a missing one; a moment has a format.
    """

    kind: str
    before: str = ""
    after: str = ""
    decimal: str = "."
    marks: frozenset[str] = frozenset()
    format: str = ""
    zoned: bool = False

    @property
    def shape(self) -> str:
        """A moment's format, whatever the order of day, month and short year."""
        return re.sub("%[dmy]", "%", self.format)

    @property
    def order(self) -> str:
        """One of ORDERS, if a moment's texts may be of another order too; else empty."""
        return ORDERS[self.format[1]] if SHAPES.count(self.shape) > 1 else ""

    def typed(self, texts: Any) -> "pa.Array | Reading | None":
        """Read texts, none of them missing: None where they are no such thing; another reading
        where they are, but for a few marks, which become null."""
        match self.kind:
            case "text":
                return texts
            case "truth":
                lower = pc.utf8_lower(texts)
                known = pc.is_in(lower, pa.array(["true", "false"], lower.type))
                return pc.equal(lower, "true") if pc.all(known).as_py() else None
            case "moment":
                return self._moments(pd.Series(texts.to_pylist(), dtype="str"))
        return self._numbers(texts)

    def _moments(self, texts: pd.Series) -> Any:
        """Texts as moments, in UTC where they name their zone."""
        distinct = pd.Series(texts.unique(), dtype="str")
        try:
            moments = pd.to_datetime(distinct, format=self.format, utc=self.zoned)
            moments = moments.astype("datetime64[us, UTC]" if self.zoned else "datetime64[us]")
        except (ValueError, AttributeError, TypeError):  # of other forms; or some with a zone
            return None
        return pa.array(texts.map(dict(zip(distinct, moments, strict=True))))

    def _numbers(self, texts: Any) -> Any:
        # A needless 0 before it, or more digits than a number holds, make a code of it.
        if pc.any(pc.match_substring_regex(texts, r"^[-+]?(0\d|\d{17,}$)")).as_py():
            return None
        try:
            if self.kind == "whole number":
                return texts.cast(pa.int64())
            if self == Reading("number"):
                return texts.cast(pa.float64())
        except pa.ArrowInvalid:
            if self.kind == "whole number":
                return None
        number = f"(?P<number>{NUMBERS[self.decimal]})"
        parsed = pc.extract_regex(
            texts, f"^{re.escape(self.before)}{number}{re.escape(self.after)}$"
        )
        strange = set(pc.unique(texts.filter(parsed.is_null())).to_pylist()) - self.marks
        if strange:
            marks = self.marks | strange
            numbers = texts.filter(parsed.is_valid())
            pattern = WORD if len(numbers.unique()) > MANY else MARKS
            known = len(marks) <= FEW and all(map(pattern.fullmatch, strange))
            return replace(self, marks=marks) if known else None
        bare = pc.struct_field(parsed, "number")
        if self.decimal == ",":
            bare = pc.replace_substring(pc.replace_substring(bare, ".", ""), ",", ".")
        return bare.cast(pa.float64())


TEXT = Reading("text")
NUMBER = re.compile(f"{NUMBERS['.']}|{NUMBERS[',']}")
SHAPES = [Reading("moment", format=form).shape for form in FORMATS]


def readings(head: list[str]) -> list[Reading]:
    """The ways in which a column that begins with these texts may be read, the strictest first."""
    ways = [Reading("whole number"), Reading("number"), Reading("number", decimal=",")]
    for decimal, number in NUMBERS.items():
        matches = filter(None, (re.fullmatch(AROUND.format(number), text) for text in head))
        around = ((match["before"] or "", match["after"] or "") for match in matches)
        if first := next(filter(any, around), None):
            ways.append(Reading("number", *first, decimal))
    ways.append(Reading("truth"))
    if head and all(map(DATED.fullmatch, head)):
        zoned = bool(ZONED.fullmatch(head[0]))
        dates = [Reading("moment", format=form, zoned=zoned) for form in FORMATS]
        ways += [way for way in dates if way.typed(pa.array(head)) is not None]
    return [*ways, TEXT]


def left_over(texts: Collection[str]) -> list[str]:
    """Those texts that are no number, if they are few beside numbers."""
    words = sorted(text for text in texts if not NUMBER.fullmatch(text))
    return words if len(words) <= FEW and len(texts) - len(words) >= 2 else []
