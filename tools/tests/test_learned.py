"""Which rows a model may have learned from is told by what names a row, in whatever file."""

from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from strata.compare.held_out import Learned, hashed, learned, plain
from strata.compare.paired import Columns
from strata.compare.rows import labelled
from strata.core.errors import Fault

KEYS = pd.DataFrame(
    {
        "code": ["00123", "NA", "1e3", "x"],
        "number": [1, 2, 3, 4],
        "day": pd.to_datetime(["2013-01-01", "2013-01-02", "2013-01-03", "2013-02-01"]),
    }
)


def of(frame: pd.DataFrame) -> Learned:
    dtypes = dict(plain(frame).dtypes)
    return Learned(dtypes, hashed(frame, dtypes), {})


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_row_is_known_again_in_a_file(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"rows{suffix}"
    rows = KEYS.assign(label=[1.0, 0.0, np.nan, 1.0])
    if suffix == ".csv":
        rows.to_csv(path, index=False, sep=";")
    else:
        rows.to_parquet(path, index=False)
    found = labelled(path, Columns(["code", "number", "day"], "label", ["prediction"]))
    assert found["label"].tolist() == [1, 0, 1]
    assert found["label"].dtype == np.dtype("int64")
    assert of(KEYS[:3]).has(found).tolist() == [True, True, False]


def test_categories_and_dates_are_what_they_stand_for() -> None:
    known = of(KEYS[:3].astype({"code": "category"}))
    assert known.has(KEYS).tolist() == [True, True, True, False]
    dated = KEYS.assign(day=[date(each.year, each.month, each.day) for each in KEYS["day"]])
    assert of(dated[:3]).has(KEYS).tolist() == [True, True, True, False]


def test_rows_of_a_split_called_train_are_learned_although_they_have_predictions(
    tmp_path: Path,
) -> None:
    settings = '[monitor]\ndata = "data"\n[report]\npredictions = "predictions.csv"\n'
    (tmp_path / "strata.toml").write_text(settings)
    (tmp_path / "data").mkdir()
    for at, month in enumerate("abc"):
        rows = pd.DataFrame({"id": range(2 * at, 2 * at + 2), "label": 1})
        rows.to_parquet(tmp_path / f"data/{month}.parquet")
    held_out = pd.DataFrame({"id": range(5), "label": 1, "score": 0.5})
    split = ["train", "train", "train", "test", "test"]
    held_out.assign(split=split).to_csv(tmp_path / "predictions.csv", index=False, sep=";")
    revision: Any = SimpleNamespace(
        name="v1",
        root=tmp_path,
        made=[],
        params={},
        files=lambda folder: {f"{folder}/{month}.parquet": "" for month in "abc"},
        local=tmp_path.joinpath,
        content=tmp_path.joinpath,
    )
    found = learned(revision, Columns(["id"], "label", ["score"], split="split"))
    assert found.has(pd.DataFrame({"id": range(7)})).tolist() == [
        *[True] * 3,
        False,
        False,
        True,
        False,
    ]
    assert list(found.partitions) == ["a"]


def test_what_cannot_be_told_is_a_fault() -> None:
    with pytest.raises(Fault, match="no column number"):
        of(KEYS).has(KEYS.drop(columns="number"))
    with pytest.raises(Fault, match="another type"):
        of(KEYS).has(KEYS.assign(number="many"))
