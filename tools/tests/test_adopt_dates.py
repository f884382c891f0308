"""`strata adopt` never guesses whether the day or the month comes first."""

import re
from pathlib import Path

import pandas as pd
import pytest
from adoption import GOOD, RNG, ROWS, adopted, fields, proposal, table

from strata.core.errors import Fault
from strata_adopt import asking, sources
from strata_adopt.plan import Options, unsettled
from strata_adopt.scan import scan

# Twelve days of each month at most, so that either order can be meant.
MONTHS = pd.Series(pd.date_range("2021-01-01", periods=36, freq="MS"))
EARLY = pd.Series(RNG.choice(MONTHS, ROWS)) + pd.to_timedelta(RNG.integers(0, 12, ROWS), unit="D")
ANY = pd.Series(pd.date_range("2021-01-01", periods=ROWS))
SWAPPED = str.maketrans("md", "dm")
FORMS = ["%m/%d/%Y", "%m-%d-%Y", "%m/%d/%y", "%m/%d/%Y %H:%M", "%m/%d/%y %I:%M %p"]


@pytest.mark.parametrize("form", FORMS)
def test_a_date_of_either_order_is_asked_about(tmp_path: Path, form: str) -> None:
    frame = GOOD.assign(sold=EARLY.dt.strftime(form))
    with pytest.raises(Fault, match=r"'sold'.*--dates day-first or --dates month-first") as fault:
        adopted(tmp_path, frame)
    (example,) = re.findall(r"such as (.*), fit", str(fault.value))
    assert example in set(frame["sold"])
    for order, right in (("month-first", form), ("day-first", form.translate(SWAPPED))):
        scanned = scan(sources.from_files(str(tmp_path / "table.csv")), order)
        sold = fields(proposal(scanned))["sold"]
        assert sold.column.reading.format == right
        assert f"read {order}, as asked" in " ".join(sold.remarks)
        assert bool((scanned.sample["sold"] == EARLY).all()) == (order == "month-first")
    assert fields(adopted(tmp_path, frame, drop=("sold",)))["sold"].role == "left out"


def test_the_order_that_another_column_proves_is_taken_and_said(tmp_path: Path) -> None:
    for form, order in (("%m/%d/%Y", "month"), ("%d/%m/%Y", "day")):
        frame = GOOD.assign(
            sold=EARLY.dt.strftime(form), paid=(EARLY + pd.Timedelta(days=400)).dt.strftime(form)
        )
        frame.loc[7, "paid"] = ANY[29].strftime(form)  # a day after the 12th
        found = fields(adopted(tmp_path, frame))
        assert found["sold"].column.reading.format == form
        assert any(f"{order}-first, as in paid" in remark for remark in found["sold"].remarks)


def test_the_order_that_makes_sense_beside_another_column_is_taken_and_said(tmp_path: Path) -> None:
    for form, order in (("%m/%d/%Y", "month"), ("%d/%m/%Y", "day")):
        booked = EARLY - pd.to_timedelta(RNG.integers(1, 60, ROWS), unit="D")
        frame = GOOD.assign(arrives=EARLY.dt.strftime(form), booked=booked.dt.strftime("%Y-%m-%d"))
        found = fields(adopted(tmp_path, frame))
        assert found["arrives"].column.reading.format == form
        remark = f"{order}-first: so it is always after booked"
        assert any(remark in text for text in found["arrives"].remarks)


def test_columns_that_prove_both_orders_decide_nothing(tmp_path: Path) -> None:
    frame = GOOD.assign(
        sold=EARLY.dt.strftime("%m/%d/%Y"),
        us=(ANY - pd.Timedelta(days=5000)).dt.strftime("%m/%d/%Y"),
        uk=(ANY + pd.Timedelta(days=5000)).dt.strftime("%d/%m/%Y"),
    )
    with pytest.raises(Fault, match="'sold'"):
        adopted(tmp_path, frame)


def test_who_is_there_is_asked_for_the_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "table.csv"
    GOOD.assign(sold=EARLY.dt.strftime("%m/%d/%Y")).to_csv(path, index=False)
    ambiguous = unsettled(table(path), Options("bought"))
    assert ambiguous
    answers = iter(["?", "M"])

    def answer(question: str) -> str:
        assert re.search(r"in 'sold': which is first, .*\[d/m\]", question)
        return next(answers)

    monkeypatch.setattr("builtins.input", answer)
    assert asking.order(*ambiguous) == "month-first"


@pytest.mark.parametrize("form", ["%m/%d/%y", "%d-%b-%Y", "%d-%b-%y", "%m/%d/%Y %I:%M %p"])
def test_more_forms_of_dates_are_known(tmp_path: Path, form: str) -> None:
    days = pd.Series(pd.date_range("2015-04-11", periods=ROWS)).dt
    texts = days.strftime(form)
    plain = texts.str.replace(r"\b0", "", regex=True) if form == "%m/%d/%y" else texts  # 4/11/15
    scanned = fields(adopted(tmp_path, GOOD.assign(sold=plain)))["sold"]
    assert scanned.column.reading.format == form
    assert scanned.facts.low == pd.Timestamp("2015-04-11")


def test_a_late_row_proves_the_order(tmp_path: Path) -> None:
    lines = ["d", *["03/04/2021"] * 100_000, "12/31/2021"]
    (tmp_path / "table.csv").write_text("\n".join(lines))
    column = table(tmp_path / "table.csv").columns["d"]
    assert [reading.format for reading in column.either] == ["%m/%d/%Y"]
