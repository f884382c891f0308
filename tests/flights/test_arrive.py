"""The next month arrives in params.yaml, and nothing else of it changes."""

import shutil
from pathlib import Path

import pytest

import arrive
import params
from stage import Fault

ROOT = Path(__file__).parents[2]
MONTHS = ["2013-10", "2013-01", "2013-11", "2013-11", "2013-12"]


@pytest.mark.parametrize(
    ("through", "month"),
    [("2013-01", "2013-10"), ("2013-10", "2013-11"), ("2013-12", None)],
)
def test_the_following_month_is_the_next_that_has_data(through: str, month: str | None) -> None:
    assert arrive.following(MONTHS, through) == month


@pytest.mark.parametrize("quote", ['"', "'", ""])
def test_only_the_month_changes(quote: str) -> None:
    text = "ingest:\n  through: {} # the newest\nsplit:\n  period: month\n"
    before, after = text.format(f"{quote}2013-10{quote}"), text.format('"2013-11"')
    assert arrive.raised(before, "2013-10", "2013-11") == after


def test_a_line_that_is_not_there_is_said() -> None:
    with pytest.raises(Fault, match="0 lines say `through: 2013-10`"):
        arrive.raised("ingest: {through: '2013-10'}\n", "2013-10", "2013-11")


def test_a_month_comes_until_there_is_none(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    shutil.copy(ROOT / "params.yaml", path)
    path.write_text(path.read_text("utf-8").replace("2013-10", "2013-11"), encoding="utf-8")
    assert arrive.main(path) == "2013-12 has come"
    assert params.load(params.Ingest, path).through == "2013-12"
    assert arrive.main(path) == "no month after 2013-12 has come"
