from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from frames import PARAMS_YAML, SETTINGS, TARGET, fitted

import card
import evaluate
from kit.base import Fault
from kit.report import binary, slices
from kit.report import card as texts

HAND = "---\nlicense: mit\nmodel_name: tiny\ntags: [small]\n---\n# Tiny\n\nNot for use.\n"
DATA, EVALUATE = SETTINGS.data, SETTINGS.evaluate
SAID = pd.DataFrame(
    {
        "date": pd.to_datetime(["2013-01-01", "2013-01-02", "2013-01-03", "2013-01-03"]),
        "partition": ["2013-02", "2013-01", "2013-01", "2013-01"],
        "split": ["test", "validation", "validation", "validation"],
        "place": ["a|b", "c", None, "c"],
        TARGET: [0, 1, 0, 1],
        "probability": [0.1, 0.9, 0.2, 0.3],
    }
)


def rows_of(table: str) -> list[list[str]]:
    lines = [line for line in table.splitlines() if line.startswith("| ")]
    return [[each.strip() for each in line[1:-1].split(" | ")] for line in lines]


def test_what_is_written_by_hand_has_a_header() -> None:
    header, text = texts.written(HAND)
    assert header == {"license": "mit", "model_name": "tiny", "tags": ["small"]}
    assert text == "# Tiny\n\nNot for use."


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("license: mit\n", "", "models/card.md: its header has no license, such as mit"),
        ("model_name: tiny", "model_name: 3", "its header has no model_name"),
        ("---\nlicense", "license", "has to begin with a header in YAML"),
        ("license: mit", "license: [", "has to begin with a header in YAML"),
        ("license: mit\nmodel_name: tiny\ntags: [small]", "word", "has to begin with a header"),
    ],
)
def test_a_header_that_lacks_something_is_one_line(old: str, new: str, said: str) -> None:
    with pytest.raises(Fault, match=said.replace(".", r"\.")):
        texts.written(HAND.replace(old, new))


def test_hugging_face_finds_the_metrics_of_the_test_split() -> None:
    test: dict[str, Any] = {"roc_auc": 0.75, "log_loss": None, "roc_auc_se": 0.1}
    titles = {"roc_auc": "ROC AUC", "log_loss": "log loss"}
    text = texts.header({"license": "mit", "model_name": "tiny"}, test, "binary", titles)
    found = yaml.safe_load(text.strip("-"))
    assert (found["license"], found["pipeline_tag"]) == ("mit", "tabular-classification")
    (index,) = found["model-index"]
    assert index["name"] == "tiny"
    (result,) = index["results"]
    assert result["task"]["type"] == "tabular-classification"
    assert result["dataset"].keys() == {"type", "name", "split"}
    assert result["metrics"] == [{"type": "roc_auc", "name": "ROC AUC", "value": 0.75}]


def test_a_group_a_row_with_an_error_only_where_there_are_two_blocks() -> None:
    table = slices.table(slices.by_partition(SAID), ["no", "yes"], DATA, EVALUATE)
    header, _, first, second = rows_of(table)
    assert header == ["", "rows", "blocks", "base rate", *binary.METRICS.values()]
    assert first[:4] == ["2013-01, validation", "3", "2", "0.667"]
    assert first[4] == "1.000 ± –"  # without the second block no flight is on time
    assert first[-1].startswith("0.180 ± 0.")
    assert second[:5] == ["2013-02, test", "1", "1", "0.000", "– ± –"]
    assert second[-1] == "0.010 ± –"


def test_the_most_frequent_values_have_rows_of_their_own_and_the_rest_one() -> None:
    found = {name: len(rows) for name, rows in slices.by_value(SAID, "place", 2)}
    assert found == {"place: c": 2, r"place: a\|b": 1, "place: 1 others": 1}
    assert list(dict(slices.by_value(SAID, "place", 9))) == [
        *("place: c", r"place: a\|b", "place: missing")
    ]
    assert sum(len(rows) for _, rows in slices.by_value(SAID, "probability", 1)) == len(SAID)


# The stage itself, on four months of 60, 61, 62 and 63 rows.


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with fitted(tmp_path_factory.mktemp("card")):
        evaluate.main()
        texts.CARD.write_text(HAND, encoding="utf-8")
        yield card.main()


def test_the_card_has_the_text_the_metrics_and_the_slices_and_again_the_same(done: str) -> None:
    assert done == "models/README.md with 1 slices"
    text = card.README.read_text(encoding="utf-8")
    assert text.startswith("---\nlicense: mit\n")
    assert "\n---\n\n# Tiny\n\nNot for use.\n\n## What it was made of\n" in text
    assert "train has 121, validation has 62, test has 63" in text
    assert "sees 3 columns: place, hour, gaps" in text
    shared = Path("metrics/README.md").read_text(encoding="utf-8").split("\n\n", 1)[1].strip()
    assert shared in text
    partitions = text.partition("### By partition")[2].partition("###")[0]
    assert [row[:2] for row in rows_of(partitions)[2:]] == [
        ["2013-03, validation", "62"],
        ["2013-04, test", "63"],
    ]
    sliced = rows_of(text.partition("### By slice")[2])
    assert [row[0][:6] for row in sliced[2:]] == ["all", *["place:"] * 3]
    assert sum(int(row[1]) for row in sliced[3:]) == int(sliced[2][1]) == 63
    card.main()
    assert card.README.read_text(encoding="utf-8") == text


def test_a_slice_has_the_rows_of_its_value(done: str) -> None:
    said = pd.read_parquet(evaluate.METRICS / "predictions.parquet")
    features = pd.read_parquet("data/features/2013-04.parquet")
    test = said[said["split"] == "test"].merge(features[["id", "place"]], on="id")
    text = card.README.read_text(encoding="utf-8")
    for row in rows_of(text.partition("### By slice")[2])[3:5]:
        rows = test[test["place"] == row[0].removeprefix("place: ")]
        label, guess = rows[TARGET].to_numpy(dtype=float), rows["probability"].to_numpy()
        expected = binary.scores(label, guess)(np.ones(len(rows)))
        assert [float(each.split()[0]) for each in row[4:]] == pytest.approx(
            list(expected.values()), abs=6e-4
        )


def test_without_slices_there_is_no_table_of_them(done: str, tmp_path: Path) -> None:
    before = Path("params.yaml").read_text(encoding="utf-8")
    Path("params.yaml").write_text(PARAMS_YAML.replace("[place]", "[]"), encoding="utf-8")
    card.main()
    assert "By slice" not in card.README.read_text(encoding="utf-8")
    Path("params.yaml").write_text(before, encoding="utf-8")
