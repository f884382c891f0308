"""A small table with a signal, and what `strata adopt` proposes for tables like it."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from strata_adopt import sources
from strata_adopt.plan import Field, Options, Plan, observe, propose
from strata_adopt.scan import Table, scan

ROWS = 400
RNG = np.random.default_rng(0)
SIGNAL = RNG.normal(size=ROWS).round(3)
GOOD = pd.DataFrame(
    {
        "size": SIGNAL,
        "shop": RNG.choice(["north", "south"], ROWS),
        "bought": np.where(SIGNAL + RNG.normal(size=ROWS) > 0, "yes", "no"),
    }
)


def table(path: Path) -> Table:
    """All rows of a file or folder, scanned."""
    return scan(sources.from_files(str(path)))


def proposal(scanned: Table, target: str = "bought", **options: Any) -> Plan:
    """What is proposed for a table."""
    return propose(scanned, Options(target, **options), observe(scanned, target))


def adopted(folder: Path, frame: pd.DataFrame, target: str = "bought", **options: Any) -> Plan:
    """What is proposed for a frame that comes as CSV."""
    frame.to_csv(folder / "table.csv", index=False)
    return proposal(table(folder / "table.csv"), target, **options)


def fields(plan: Plan) -> dict[str, Field]:
    """The columns of a plan by their names."""
    return {field.name: field for field in plan.fields}
