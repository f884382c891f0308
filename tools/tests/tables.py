"""Tables of different shape, in the formats that `strata adopt` reads, with what comes of each."""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn import datasets

Random = np.random.Generator


@dataclass(frozen=True)
class Case:
    """A table: how it is written into a folder, what is asked of adopt, and what comes of it.

    ``roles`` are those of columns that are no plain feature, ``dropped`` how the reasons begin for
    which others are left out, ``split`` what the rows are held out by.
    """

    write: Callable[[Path, Random], str]  # returns the source
    target: str
    options: list[str] = field(default_factory=list)
    signal: bool = True
    says: tuple[str, ...] = ()  # what the proposal must say
    roles: dict[str, str] = field(default_factory=dict)
    dropped: dict[str, str] = field(default_factory=dict)
    split: str = "stratified"


def numbers(rng: Random, rows: int, count: int) -> pd.DataFrame:
    return pd.DataFrame({f"x{n}": rng.normal(size=rows).round(3) for n in range(count)})


def passengers(folder: Path, rng: Random) -> str:
    rows = 900
    table = pd.DataFrame(
        {
            "passenger id": np.arange(1, rows + 1),
            "class": rng.integers(1, 4, rows),
            "sex": rng.choice(["female", "male"], rows),
            "age": np.where(rng.random(rows) < 0.2, np.nan, rng.normal(30, 12, rows).clip(1, 80)),
            "port": pd.Series(rng.choice(list("SCQ"), rows)).mask(rng.random(rows) < 0.02),
        }
    )
    score = (table["sex"] == "female") * 2.0 - table["class"] + rng.normal(size=rows)
    table["survived"] = np.where(score > -1, "yes", "no")
    table["boat"] = np.where(table["survived"] == "yes", "taken", "none at all")
    table.to_csv(folder / "passengers.csv", index=False)
    return "passengers.csv"


def wine(folder: Path, rng: Random) -> str:
    data = datasets.load_wine(as_frame=True)
    table = data.frame.assign(target=np.array(["red", "rosé", "white"])[data.target])
    table.rename(columns={"target": "kind"}).to_parquet(folder / "wine.parquet")
    return "wine.parquet"


def diabetes(folder: Path, rng: Random) -> str:
    table = datasets.load_diabetes(as_frame=True, scaled=False).frame
    table.to_json(folder / "diabetes.jsonl", orient="records", lines=True)
    return "diabetes.jsonl"


def demand(folder: Path, rng: Random) -> str:
    rows = 6_000
    when = pd.Timestamp("2021-01-01") + pd.to_timedelta(np.arange(rows) * 3, unit="h")
    table = pd.DataFrame({"time": when, "temperature": rng.normal(10, 8, rows).round(1)})
    load = 50 + 10 * np.sin(when.hour / 24 * 6.28) - table["temperature"] + rng.normal(0, 3, rows)
    table["station"] = rng.choice(["north", "south"], rows)
    table["load"] = load.round(2)
    table.to_csv(folder / "demand.tsv", sep="\t", index=False)
    return "demand.tsv"


def visits(folder: Path, rng: Random) -> str:
    (folder / "visits").mkdir()
    for year in (2022, 2023):
        rows = 1_000
        patient = rng.integers(1, 120, rows)
        table = numbers(rng, rows, 4).assign(
            patient_id=patient, visit_id=[f"{year}-{n}" for n in range(rows)]
        )
        own = np.random.default_rng(7).normal(size=200)[patient]
        table["ill"] = table["x0"] + own + rng.normal(size=rows) > 0.5
        table.loc[999, "visit_id"] = "2022-7"  # a name that comes again
        table.to_csv(folder / "visits" / f"{year}.csv", index=False)
    return "visits"


def houses(folder: Path, rng: Random) -> str:
    rows = 1_500
    sold = pd.Timestamp("2015-01-01") + pd.to_timedelta(rng.integers(0, 2_500, rows), unit="D")
    table = pd.DataFrame(
        {
            "sold on": sold.strftime("%d.%m.%Y"),
            "area": [f"{value} m²" for value in rng.integers(30, 200, rows)],
            "rooms": rng.choice(["1", "2", "3", "?"], rows, p=[0.3, 0.4, 0.28, 0.02]),
        }
    )
    area = table["area"].str.removesuffix(" m²").astype(float)
    table["price"] = (area * 3 + rng.normal(0, 40, rows)).round()
    table.to_excel(folder / "houses.xlsx", index=False)
    return "houses.xlsx"


def genes(folder: Path, rng: Random) -> str:
    """Many columns that follow a few causes, as the activities of genes do."""
    cause = rng.normal(size=(200, 3))
    table = numbers(rng, 200, 1_000).add_prefix("gene ") + cause @ rng.normal(size=(3, 1_000)) / 2
    ill = cause[:, 0] + rng.normal(0, 0.5, 200) > 0
    table.round(3).assign(outcome=ill.astype(int)).to_csv(folder / "genes.csv", index=False)
    return "genes.csv"


def clicks(folder: Path, rng: Random) -> str:
    rows = 1_000_000
    table = numbers(rng, rows, 4).assign(
        page=rng.choice([f"p{n}" for n in range(300)], rows),
        day=pd.Timestamp("2023-01-01") + pd.to_timedelta(np.arange(rows) // 2_800, unit="D"),
    )
    table["clicked"] = (table["x0"] + rng.normal(0, 2, rows) > 2.5).astype(int)
    table.to_parquet(folder / "clicks.parquet", index=False)
    return "clicks.parquet"


def frauds(folder: Path, rng: Random) -> str:
    rows = 20_000
    table = numbers(rng, rows, 5).assign(card=rng.choice(["debit", "credit"], rows))
    score = table["x0"] + table["x1"] + rng.normal(0, 0.5, rows)
    table["fraud"] = (score > np.quantile(score, 0.99)).astype(int)
    with sqlite3.connect(folder / "bank.db") as bank:
        table.to_sql("payments", bank, index_label="payment_id")
    bank.close()
    return f"sqlite:///{folder / 'bank.db'}"


def prices(folder: Path, rng: Random) -> str:
    rows = 1_200
    table = numbers(rng, rows, 3).assign(größe=rng.normal(100, 20, rows).round(2))
    table["preis"] = (1_000 + 30 * table["größe"] + rng.normal(0, 300, rows)).round(2)
    table["preis"] = table["preis"].map("{:,.2f}".format).str.translate(str.maketrans(",.", ".,"))
    table.to_csv(folder / "preise.csv", sep=";", decimal=",", index=False, encoding="cp1252")
    return "preise.csv"


def reviews(folder: Path, rng: Random) -> str:
    rows, words = 1_500, np.array(["room", "staff", "food", "bed", "door", "bath", "view", "noise"])
    happy = rng.random(rows) < 0.5
    lines = [
        " ".join([*rng.choice(words, 6), *([mood] if rng.random() < 0.8 else [])])
        for mood in np.where(happy, "lovely", "awful")
    ]
    table = pd.DataFrame({"review": lines, "nights": rng.integers(1, 9, rows), "again": happy})
    table.to_csv(folder / "reviews.csv", index=False)
    return "reviews.csv"


def noise(folder: Path, rng: Random) -> str:
    rows = 1_000
    table = numbers(rng, rows, 6).assign(label=rng.choice(["heads", "tails"], rows))
    table.to_csv(folder / "noise.csv", index=False)
    return "noise.csv"


def hostile(folder: Path, rng: Random) -> str:
    """Names that are hard on code, YAML, TOML and Markdown."""
    names = [
        *("with space", 'with "quotes"', "it's", "größe", "__class__", "=1+1", "index", "split"),
        *("a|b", "back\\slash", "{{ x }}", "line\nbreak", "%d", "class", "row", "partition"),
    ]
    rows = 500
    table = pd.DataFrame({name: rng.normal(size=rows).round(3) for name in names})
    score = table["split"] + table["it's"] + rng.normal(size=rows)
    table["the 'target'?"] = np.where(score > 0, 'yes: "sure"', "#no")
    table.to_csv(folder / "hostile.csv", index=False)
    return "hostile.csv"


LEAKS = "alone predicts the target"

CASES = {
    "passengers": Case(
        passengers, "survived", says=("boat", "alone predicts"), roles={"passenger id": "key"},
        dropped={"boat": LEAKS},
    ),
    "wine": Case(wine, "kind", says=("multiclass",)),
    "diabetes": Case(diabetes, "target", says=("regression",), split="random"),
    "demand": Case(demand, "load", says=("the newest",), roles={"time": "time"}, split="time"),
    "visits": Case(
        visits,
        "ill",
        says=(
            *("in whole groups", "repeats of the visit_id of another row: 2,"),
            "one partition a source file",
        ),
        roles={"patient_id": "group", "visit_id": "key"},
        split="group",
    ),
    "houses": Case(
        houses, "price", says=("%d.%m.%Y", "in m²", "? among numbers"),
        roles={"sold on": "time"}, split="time",
    ),
    "genes": Case(genes, "outcome"),
    "clicks": Case(
        clicks, "clicked", says=("one partition a month", "the newest 1 month,"),
        roles={"day": "time"}, split="time",
    ),
    "frauds": Case(
        frauds, "fraud", ["--query", "SELECT * FROM payments"], roles={"payment_id": "key"}
    ),
    "prices": Case(prices, "preis", says=("decimal comma",), split="random"),
    "reviews": Case(reviews, "again", says=("free text",), roles={"review": "free text"}),
    "noise": Case(noise, "label", signal=False),
    "hostile": Case(hostile, "the 'target'?"),
}  # fmt: skip
