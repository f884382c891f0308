"""Let the next month arrive: raise ``ingest.through`` in params.yaml, if the source has one more.

No stage: `strata retrain` runs it to take new data, before it runs the pipeline.
"""

import re
from pathlib import Path

from ingest import month_of, source
from kit.base import Fault, run
from kit.params import PATH
from params import Ingest, Params


def raised(text: str, through: str, month: str) -> str:
    """The text of params.yaml with another month, and all else as it is, comments too.

    Raises Fault if it has not one line to be changed.
    """
    line = rf"""^(  through: *)(["']?){re.escape(through)}\2(?=\s|$)"""
    found, count = re.subn(line, rf"\g<1>{month}", text, flags=re.MULTILINE)
    if count != 1:
        raise Fault(f"params.yaml: {count} lines say `through: {through}`, where one is expected")
    return found


def main(path: Path = PATH) -> str:
    through = Params.load(Ingest, path).through
    later = [month for month in month_of(source("flights.csv.zip")) if month > through]
    if not later:
        return f"no month after {through} has come"
    text = raised(path.read_text(encoding="utf-8"), through, min(later))
    path.write_text(text, encoding="utf-8", newline="\n")
    return f"{min(later)} has come"


if __name__ == "__main__":
    run("arrive", main)
