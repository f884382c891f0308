"""The next month arrives in params.yaml, and nothing else of it changes."""

import shutil
from pathlib import Path

import pandas as pd
import pytest
import yaml
from frames import PARAMS_YAML

import arrive
from kit.base import Fault
from params import Ingest, Params

ROOT = Path(__file__).parents[1]
TABLE = pd.DataFrame({"year": 2013, "month": [10, 1, 11, 11, 12]})


@pytest.mark.parametrize(
    ("through", "said"),
    [
        ("2013-01", "2013-10 has come"),
        ("2013-10", "2013-11 has come"),
        ("2013-12", "no month after 2013-12 has come"),
    ],
)
def test_the_following_month_is_the_next_that_has_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, through: str, said: str
) -> None:
    content = yaml.safe_load(PARAMS_YAML)
    content["ingest"]["through"] = through
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    monkeypatch.setattr(arrive, "source", lambda name: TABLE)
    assert arrive.main(path) == said


@pytest.mark.parametrize("quote", ['"', "'", ""])
def test_only_the_month_changes(quote: str) -> None:
    text = "ingest:\n  through: {} # the newest\nsplit:\n  period: month\n"
    before, after = text.format(f"{quote}2013-10{quote}"), text.format("2013-11")
    assert arrive.raised(before, "2013-10", "2013-11") == after


def test_a_line_that_is_not_there_is_said() -> None:
    with pytest.raises(Fault, match="0 lines say `through: 2013-10`"):
        arrive.raised("ingest: {through: '2013-10'}\n", "2013-10", "2013-11")


def test_a_month_comes_until_there_is_none(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    shutil.copy(ROOT / "params.yaml", path)
    path.write_text(path.read_text("utf-8").replace("2013-10", "2013-11"), encoding="utf-8")
    assert arrive.main(path) == "2013-12 has come"
    assert Params.load(Ingest, path).through == "2013-12"
    assert arrive.main(path) == "no month after 2013-12 has come"
