"""`strata adopt` leaves out what says nothing new, and keeps what does."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from adoption import GOOD, RNG, ROWS, adopted, fields

from strata_adopt.likeness import likeness

DAYS = pd.Series(pd.date_range("2023-01-01", periods=ROWS // 2)).repeat(2).reset_index(drop=True)
OF_DAY = RNG.permutation(ROWS // 2).repeat(2) / 8  # a figure of its own for each day


def test_a_number_of_its_own_for_each_day_is_a_feature_beside_the_day(tmp_path: Path) -> None:
    frame = pd.DataFrame({"day": DAYS, "occupancy": OF_DAY, "day_in_words": DAYS.astype(str) + "!"})
    found = adopted(tmp_path, frame.assign(price=OF_DAY + 9 * GOOD["size"]), "price")
    assert found.by == "time"
    assert fields(found)["day"].role == "time"
    assert fields(found)["occupancy"].role == "feature"
    words = fields(found)["day_in_words"]
    assert (words.role, words.why) == (
        "left out",
        "the same as day in other words, by which rows are held out",
    )


def test_a_number_of_its_own_for_each_group_is_a_feature_and_another_name_is_not(
    tmp_path: Path,
) -> None:
    patient = np.arange(ROWS) % 50
    frame = GOOD.assign(
        patient_name=[f"n{n}" for n in patient], patient_id=patient * 7, pressure=(patient**2) / 3
    )
    found = fields(adopted(tmp_path, frame, group="patient_id"))
    assert found["patient_id"].role == "group"
    assert found["pressure"].role == "feature"
    assert found["patient_name"].why == "the same as patient_id in other words, by which " + (
        "rows are held out"
    )


def test_of_columns_that_say_the_same_one_feature_is_kept(tmp_path: Path) -> None:
    frame = GOOD.assign(
        shop_no=np.where(GOOD["shop"] == "north", 1, 2),
        shop_is=GOOD["shop"] == "north",
        larger=GOOD["size"] * 2 + RNG.normal(scale=1e-4, size=ROWS),
    )
    found = fields(adopted(tmp_path, frame))
    assert found["shop"].role == found["size"].role == "feature"
    assert found["shop_no"].why == found["shop_is"].why == "the same as shop in other words"
    assert found["larger"].why == "almost the same as size"


def test_what_says_the_same_as_a_column_that_is_known_too_late_goes_with_it(
    tmp_path: Path,
) -> None:
    frame = GOOD.assign(returned_no=np.where(GOOD["shop"] == "north", 1, 2))
    found = fields(adopted(tmp_path, frame, drop=("returned_no",)))
    assert found["shop"].role == "left out"
    assert found["shop"].why == (
        "the same as returned_no in other words: not known when the prediction is due"
    )


@pytest.mark.parametrize(
    "mark", ["k.A.", "not known", "Keine Angabe", "n/k", "kaputt", "other one"]
)
def test_a_word_among_numbers_is_a_missing_value(tmp_path: Path, mark: str) -> None:
    for numbers in (RNG.normal(70, 9, ROWS).round(1), RNG.integers(0, 99, ROWS)):
        frame = GOOD.assign(weight=np.where(np.arange(ROWS) % 9 == 4, mark, numbers.astype(str)))
        weight = fields(adopted(tmp_path, frame))["weight"]
        assert (weight.kind, weight.role) == ("number", "feature")
        assert f"{mark} among numbers: read as missing" in weight.remarks
        assert weight.facts.missing == np.count_nonzero(frame["weight"] == mark)


def test_a_word_among_few_numbers_is_a_category_and_said(tmp_path: Path) -> None:
    rooms = np.where(np.arange(ROWS) % 9 == 4, "suite", RNG.integers(1, 5, ROWS).astype(str))
    found = fields(adopted(tmp_path, GOOD.assign(rooms=rooms, floor=RNG.choice(["a", "b"], ROWS))))
    assert found["rooms"].kind == "text"
    assert found["rooms"].remarks == ["numbers, but for 'suite': read as text"]
    assert found["floor"].remarks == []
    rooms = np.where(rooms == "suite", "k. A.", rooms)
    assert fields(adopted(tmp_path, GOOD.assign(rooms=rooms)))["rooms"].kind == "number"


PERSONS = [
    "e_mail",
    "customerEmail",
    "Email Address",
    "phone_number",
    "IP",
    "dateOfBirth",
    "surname",
]
NO_PERSONS = [
    "number_vmail_messages",
    "PercentSalaryHike",
    "mobile data",
    "birth_rate",
    "zip",
    "drip",
]


def test_what_is_a_person_s_is_left_out_and_said_once(tmp_path: Path) -> None:
    texts = {name: RNG.choice([f"x{n}" for n in range(100)], ROWS) for name in PERSONS}
    counts = {name: RNG.integers(0, 60, ROWS) for name in NO_PERSONS}
    found = fields(
        adopted(tmp_path, GOOD.assign(**texts, **counts, Age=RNG.integers(18, 90, ROWS)))
    )
    for name in texts:
        assert found[name].role == "left out", name
        assert found[name].described[-1].count("personal data") == 1
    for name in NO_PERSONS:
        assert (found[name].role, found[name].remarks) == ("feature", []), name
    assert found["Age"].role == "feature"
    assert found["Age"].remarks == ["about a person, by its name: may a model use it?"]


def test_rows_that_are_alike_are_a_group_whatever_it_is_called(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    number = np.repeat(np.arange(60), 12)
    of_shop, noise = rng.normal(size=60)[number], rng.normal(size=len(number))
    frame = pd.DataFrame(
        {
            "outlet": [f"o{n}" for n in number],
            "aisle": rng.permutation(number),  # as many values, by chance
            "age": 20 + number,  # a scale: the neighbour is much the same
            "size": rng.normal(size=len(number)),
            "takings": of_shop + noise,
        }
    )
    frame["sold"] = np.where(of_shop + noise > 0, "yes", "no")
    assert likeness(frame["aisle"], frame["takings"]) == 0
    for target, gone in (("takings", "sold"), ("sold", "takings")):
        plan = adopted(tmp_path, frame.drop(columns=[gone, "age"]), target)
        assert fields(plan)["outlet"].role == "group"
        assert "their targets are alike" in "; ".join(fields(plan)["outlet"].remarks)
        assert (plan.by, fields(plan)["aisle"].role) == ("group", "feature")
        assert adopted(tmp_path, frame.drop(columns=gone), target, group="").by != "group"
    many = frame.groupby("outlet").head(2)[["outlet", "takings"]]
    kind = pd.concat([many, *[frame[number < 3][["outlet", "takings"]]] * 9])  # a few are frequent
    assert likeness(kind["outlet"], kind["takings"]) == 0
    scale = frame[["age", "size"]].assign(takings=number / 20 + noise)
    assert fields(adopted(tmp_path, scale, "takings"))["age"].role == "feature"
