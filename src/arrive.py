"""Let the next month arrive: raise ``ingest.through`` in params.yaml, if the source has one more.

No stage: `strata retrain` runs it to take new data, before it runs the pipeline.

In:  params.yaml, and the months of the flights.
Out: params.yaml, one month further; unchanged if there is none.
"""

import re
from pathlib import Path

import params
from ingest import month_of, source
from stage import Fault, run


def following(months: list[str], through: str) -> str | None:
    """The month after ``through`` that there is data of, if any."""
    return next((month for month in sorted(set(months)) if month > through), None)


def raised(text: str, through: str, month: str) -> str:
    """The text of params.yaml with another month, and all else as it is, comments too.

    Raises Fault if it has not one line to be changed.
    """
    line = rf"""^(  through: *)(["']?){re.escape(through)}\2(?=\s|$)"""
    found, count = re.subn(line, rf'\g<1>"{month}"', text, flags=re.MULTILINE)
    if count != 1:
        raise Fault(f"params.yaml: {count} lines say `through: {through}`, where one is expected")
    return found


def main(path: Path = params.PATH) -> str:
    through = params.load(params.Ingest, path).through
    month = following(month_of(source("flights.csv.zip")).tolist(), through)
    if month is None:
        return f"no month after {through} has come"
    text = path.read_text(encoding="utf-8")
    path.write_text(raised(text, through, month), encoding="utf-8", newline="\n")
    return f"{month} has come"


if __name__ == "__main__":
    run("arrive", main)
