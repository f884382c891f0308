"""The stages train and evaluate on tables of other shapes: tasks, splits, blocks, weights."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from frames import PARAMS_YAML, features

import card
import evaluate
import explain
import train
from kit.base import FEATURES, Fault, read, write
from kit.report.card import CARD

ROWS = 600


def table(seed: int = 0) -> pd.DataFrame:
    """Rows of forty customers, with a number, a category, gaps and three targets to learn."""
    rng = np.random.default_rng(seed)
    size, shop = rng.normal(size=ROWS), rng.choice(["north", "south"], ROWS)
    drive = size + (shop == "north") + rng.normal(scale=0.5, size=ROWS)
    return pd.DataFrame(
        {
            "id": np.arange(ROWS),
            "customer": rng.integers(0, 40, ROWS),
            "size": np.where(rng.random(ROWS) < 0.1, np.nan, size),
            "shop": shop,
            "weight": rng.uniform(0.5, 2, ROWS),
            "bought": np.where(drive > 1, "yes", "no"),
            "kind": np.select([drive < 0, drive < 1], ["low", "middle"], "high"),
            "spent": 1000 * drive + 5000,
            "noise": rng.choice(["yes", "no"], ROWS),
        }
    )


def run(
    frame: pd.DataFrame, target: str, sections: dict[str, dict[str, Any]], partitions: int = 1
) -> tuple[str, dict[str, Any]]:
    """Write a table and its params here, run both stages; their last line, and the metrics."""
    content = yaml.safe_load(PARAMS_YAML)
    targets = {"bought", "kind", "spent", "noise"}
    content["data"] |= {"target": target, "key": ["id"], "not_features": ["id", "customer"]}
    content["split"] |= {"by": "random", "column": None, "period": None}
    content["split"] |= {"validation": 0.2, "test": 0.3}
    content["evaluate"]["block"] = None
    content["card"]["slices"] = ["shop"]
    content["train"]["hist_gradient_boosting"] |= {"max_iter": 40, "max_leaf_nodes": 8}
    for name, values in sections.items():
        content[name] |= values
    Path("params.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    weight = content["data"]["weight"]
    dropped = [name for name in [*targets, "weight"] if name not in (target, weight)]
    parts = np.array_split(np.arange(len(frame)), partitions)
    for number, rows in enumerate(parts):
        write(FEATURES / f"part-{number}.parquet", frame.iloc[rows].drop(columns=dropped))
    train.main()
    said = evaluate.main()
    explain.main()
    CARD.write_text("---\nlicense: mit\nmodel_name: x\n---\n# X\n", encoding="utf-8")
    card.main()
    text = card.README.read_text(encoding="utf-8")
    assert all(f"| shop: {shop} " in text for shop in ("north", "south"))
    metrics: dict[str, Any] = json.loads(Path("metrics/metrics.json").read_text("utf-8"))
    return said, metrics


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("model", ["hist_gradient_boosting", "random_forest", "ridge"])
def test_a_value(model: str) -> None:
    data = {"task": "regression", "positive": None, "weight": "weight"}
    said, found = run(table(), "spent", {"data": data, "train": {"model": model}})
    assert said.startswith("test mean absolute error ")
    assert "NO BETTER" not in said
    test = found["test"]
    assert test["r2"] > 0.5
    assert test["mean_absolute_error"] < test["dummy"]["mean_absolute_error"]
    assert abs(test["dummy"]["r2"]) < 0.1
    assert "base_rate" not in test
    predictions = read(Path("metrics/predictions.parquet"))
    assert list(predictions) == ["id", "partition", "split", "weight", "spent", "prediction"]
    assert sorted(path.stem for path in explain.PLOTS.iterdir()) == [
        *("by_partition", "importance", "predicted", "residuals")
    ]


@pytest.mark.parametrize(
    "model", ["hist_gradient_boosting", "random_forest", "logistic_regression"]
)
def test_several_classes_with_their_shares_kept(model: str) -> None:
    sections: dict[str, dict[str, Any]] = {
        "data": {"task": "multiclass", "positive": None},
        "split": {"by": "stratified"},
        "train": {"model": model},
    }
    said, found = run(table(), "kind", sections, partitions=3)
    assert said.startswith("test log loss ")
    test = found["test"]
    assert test["dummy"]["log_loss_gain_low"] > 0
    assert test["accuracy"] > test["dummy"]["accuracy"] + 0.1
    assert test["dummy"]["roc_auc_ovr"] == 0.5
    predictions = read(Path("metrics/predictions.parquet"))
    likely = predictions.filter(like="probability_")
    assert list(likely) == ["probability_high", "probability_low", "probability_middle"]
    assert likely.sum(axis=1).to_numpy() == pytest.approx(1)
    shares = [
        rows["kind"].value_counts(normalize=True).sort_index().to_numpy()
        for _, rows in predictions.groupby("split")
    ]
    assert shares[0] == pytest.approx(shares[1], abs=0.02)
    assert pd.read_csv(explain.PLOTS / "by_partition.csv")["partition"].nunique() == 3


def test_text_labels_groups_and_blocks() -> None:
    sections = {
        "data": {"positive": "yes"},
        "split": {"by": "group", "column": "customer"},
        "evaluate": {"block": "customer"},
    }
    said, found = run(table(), "bought", sections)
    assert said.startswith("test ROC AUC ")
    assert found["test"]["roc_auc"] > 0.8
    predictions = read(Path("metrics/predictions.parquet"))
    assert (
        len(predictions[["customer", "split"]].drop_duplicates())
        == predictions["customer"].nunique()
    )
    cells = pd.read_csv(explain.PLOTS / "confusion.csv")
    assert set(cells["actual"]) == {"not yes", "yes"}


def test_noise_is_said_to_be_noise() -> None:
    said, found = run(table(), "noise", {"data": {"positive": "yes"}})
    assert " the dummy by ROC AUC: gain -" in said
    assert found["test"]["dummy"]["roc_auc_gain_low"] < 0
    for page in ("metrics/README.md", "models/README.md"):
        assert "the dummy by ROC AUC: gain " in Path(page).read_text(encoding="utf-8")


@pytest.mark.parametrize("stage", [train, evaluate, explain, card], ids=lambda each: each.__name__)
def test_a_column_of_the_params_that_is_not_there_is_said_before_anything_is_split(
    stage: Any,
) -> None:
    text = PARAMS_YAML.replace("not_features: [date, id]", "not_features: [date, ID]")
    Path("params.yaml").write_text(text.replace("block: date", "block: dat"), encoding="utf-8")
    write(FEATURES / "2013-01.parquet", features())  # too few to split
    with pytest.raises(Fault) as fault:
        stage.main()
    first, second = str(fault.value).splitlines()
    assert first.startswith("params.yaml: data.not_features names 'ID', and no column is called so")
    assert second == (
        "params.yaml: evaluate.block names 'dat', and no column is called so; did you mean 'date'?"
    )
