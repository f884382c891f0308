"""Limits on what is read of what others wrote: a few bytes can stand for more than memory holds.

docs/security.md shows this table.
"""

from dataclasses import dataclass

from strata.core.errors import Fault


@dataclass(frozen=True)
class Limit:
    """At most ``most`` of ``what`` are read; ``protects`` says what more would cost."""

    what: str
    most: int
    protects: str

    def check(self, size: int, place: str) -> None:
        """Raise Fault, which names the place, if there are more."""
        if size > self.most:
            raise Fault(f"{place}: {size:,} {self.what}, and at most {self.most:,} are read")


TEXT = Limit(
    "bytes of a text file, or of all that DVC's files have together",
    32_000_000,
    "memory; Git stores a gigabyte of spaces in one megabyte",
)
VALUES = Limit(
    "names and values in a file of YAML, JSON, TOML or Python",
    500_000,
    "time: DVC parses 30,000 a second",
)
ALIASED = Limit(
    "values that the aliases of a YAML file stand for",
    1_000_000,
    "memory: a hundred bytes can name billions",
)
DEPTH = Limit("levels to which values nest", 100, "the stack: parsers recurse")
DIGITS = Limit("digits of a whole number", 250, "arithmetic: no more go into a float")
STAGES = Limit(
    "stages that foreach and matrix stand for",
    10_000,
    "time and memory: four lists of a hundred are a hundred million",
)
EXPANDED = Limit(
    "characters that the templates of dvc.yaml become",
    500_000_000,
    "memory: a thousand times the name of a param of a megabyte is a gigabyte",
)
OPEN = Limit(
    "templates in a line that nothing closes",
    100,
    "time: the end of each is sought to the end of the line",
)
TAG = Limit("bytes of a tag", 100_000, "memory; Git stores a gigabyte of spaces in one megabyte")
CONFIG = Limit("bytes of a revision's .dvc/config", 100_000, "time: DVC parses it slowly")
FILLED_IN = Limit(
    "values in a revision's .dvc/config that stand in others, as %(name)s",
    10,
    "memory: these stand in others again",
)
PATTERNS = Limit(
    "lines of .dvcignore files", 10_000, "time: DVC makes a regular expression of each"
)
MATCHING = Limit(
    "steps at worst, to hold the names of files against a .dvcignore",
    10_000_000_000,
    "time: a pattern with thirty * can take years on one name",
)
EDGES = Limit(
    "outputs that stages depend on, all stages together",
    1_000_000,
    "time and memory: a folder with all that it holds, once for each stage that reads it",
)
LEAVES = Limit("params, or metrics, in a file", 50_000, "time, and a reader's patience")
LISTING = Limit(
    "bytes of the list of a folder's files", 250_000_000, "memory; it names two million files"
)
ROWS = Limit(
    "rows of a table",
    50_000_000,
    "memory: Parquet says in a few megabytes that 400 million rows are alike",
)
COLUMNS = Limit("columns of a table", 10_000, "time, and memory")
MEMORY = Limit(
    "bytes of a table's columns that are needed, as they are in memory",
    4_000_000_000,
    "memory: Parquet has a text once, and each row then has its own",
)
CSV = Limit(
    "bytes of a table in CSV, which takes less as Parquet",
    250_000_000,
    "memory: a cell of one byte takes fifty",
)

TABLE = [limit for limit in [*globals().values()] if isinstance(limit, Limit)]
