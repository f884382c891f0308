import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pandera.pandas as pa
import pytest
from frames import SETTINGS, TARGET, features, rows_of, unfitted
from frames import fitted as pipeline
from hypothesis import given
from hypothesis import strategies as st
from onnx import ModelProto, load, numpy_helper
from sklearn.pipeline import Pipeline

import export as program
import schema
from kit.base import write
from kit.learn import MODEL, feature_names, fit, save_model
from kit.params import Data
from kit.serve import export, onnx_graph, probes
from kit.serve.session import MISSING, feeds, open_session

pytestmark = pytest.mark.filterwarnings("ignore:Skipping features without any observed values")

ROWS = 300
KINDS = [
    *((task, model) for task in ("binary", "multiclass") for model in (
        "hist_gradient_boosting", "logistic_regression", "random_forest")),
    *(("regression", model) for model in ("hist_gradient_boosting", "random_forest", "ridge")),
]  # fmt: skip


def frame(task: str, *, narrow: bool) -> pd.DataFrame:
    """Rows with a rare text, missing texts and numbers; ``narrow`` ones have numbers of float32."""
    rng = np.random.default_rng(1)
    place = rng.choice(["a", "b", "ç", ""], ROWS).astype(object)
    place[:3], place[5:40] = ["once", "twice", "twice"], None
    made = features(rows=ROWS).assign(
        place=pd.Series(place, dtype="str"), other=rng.choice(["x", "y"], ROWS)
    )
    made["decimal"] = np.round(rng.normal(size=ROWS), 1)
    if not narrow:
        made["count"] = rng.integers(-5, 5, ROWS)
        made["flag"] = rng.random(ROWS) < 0.5
        made["large"] = rng.integers(0, 2**40, ROWS)
    else:
        numbers = made.select_dtypes("float64").columns
        made[numbers] = made[numbers].astype("float32")
    if task == "multiclass":
        made[TARGET] = rng.choice(["one", "two", "three"], ROWS)
    if task == "regression":
        made[TARGET] = 1000 * made["decimal"] + rng.normal(size=ROWS)
    return made


def data_of(task: str) -> Data:
    positive = 1 if task == "binary" else None
    return SETTINGS.data.model_copy(update={"task": task, "positive": positive})


def fitted(made: pd.DataFrame, task: str, model: str) -> tuple[Pipeline, pd.DataFrame]:
    if model in ("logistic_regression", "ridge"):  # which leave out what is nowhere known
        made = made.assign(empty=np.float32(np.nan))
    data = data_of(task)
    found = fit(rows_of(made, Path("rows")), data, unfitted(model, data))
    save_model(found)
    return found, made[feature_names(made, data)]


def written(folder: Path, model: Pipeline, rows: pd.DataFrame, task: str) -> Any:
    """What model.json says of a model, held against these rows."""
    export.write_onnx(folder, model, iter([rows]), data_of(task))
    return json.loads((folder / "model.json").read_text(encoding="utf-8"))


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("narrow", [True, False])
@pytest.mark.parametrize(("task", "kind"), KINDS)
def test_each_model_is_equal_as_onnx(tmp_path: Path, task: str, kind: str, narrow: bool) -> None:
    model, rows = fitted(frame(task, narrow=narrow), task, kind)
    about = written(tmp_path, model, rows, task)
    assert about["reason"] is None
    content = (tmp_path / "model.onnx").read_bytes()
    assert about["onnx"]["sha256"] == export.hashes(content)["sha256"]
    assert about["model"]["md5"] == export.hashes(MODEL.read_bytes())["md5"]
    kinds = {each["name"]: each["type"] for each in about["inputs"]}
    assert list(kinds) == list(rows)
    assert {name for name, each in kinds.items() if each == "text"} == {"place", "other"}
    parity = about["parity"]
    assert parity["test"]["rows"] == ROWS
    assert parity["made_up"]["rows"] > 100
    found = open_session(content).run(None, feeds(rows, about["inputs"]))[0]
    assert found.shape == (ROWS, len(about["columns"]))
    places = np.abs(found).max() * 1e-12
    assert np.abs(found - export.answered(model, rows)).max() < places
    written(tmp_path, model, rows, task)
    assert (tmp_path / "model.onnx").read_bytes() == content


def changed(content: bytes, name: str, change: Any) -> bytes:
    """A graph with one of the lists of its trees changed."""
    whole = ModelProto.FromString(content)
    for node in whole.graph.node:
        for each in node.attribute:
            if each.name == name:
                values = numpy_helper.to_array(each.t)
                each.t.CopyFrom(numpy_helper.from_array(change(values).astype(values.dtype)))
    return bytes(whole.SerializeToString())


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("hist_gradient_boosting", lambda values: values.astype(np.float32)),
        ("hist_gradient_boosting", lambda values: np.nextafter(values, -np.inf)),
        ("random_forest", lambda values: np.float64(np.nextafter(np.float32(values), np.inf))),
    ],
)
def test_thresholds_that_are_off_by_a_last_place_are_found_on_made_up_rows(
    kind: str, change: Any
) -> None:
    made = frame("binary", narrow=False).drop(columns=["large"])  # whose values are thresholds
    model, rows = fitted(made, "binary", kind)
    content = onnx_graph.converted(model, rows).SerializeToString()
    inputs = onnx_graph.inputs_of(model, rows)
    export.parity(model, content, iter([rows]), inputs, "binary")
    wrong = changed(content, "nodes_splits", change)
    with pytest.raises(onnx_graph.Unconvertible, match="on made_up rows it differs"):
        export.parity(model, wrong, iter([rows]), inputs, "binary")


def test_leaves_that_are_off_are_found_on_rows_of_the_test_split() -> None:
    model, rows = fitted(frame("binary", narrow=True), "binary", "hist_gradient_boosting")
    content = onnx_graph.converted(model, rows).SerializeToString()
    wrong = changed(content, "leaf_weights", lambda values: values.astype(np.float32))
    with pytest.raises(onnx_graph.Unconvertible, match="on test rows it differs"):
        export.parity(model, wrong, iter([rows]), onnx_graph.inputs_of(model, rows), "binary")


def test_a_missing_text_is_what_the_encoder_takes_it_for() -> None:
    made = frame("binary", narrow=True)
    for known in (made, made.assign(place=made["place"].fillna("a"))):
        model, rows = fitted(known, "binary", "hist_gradient_boosting")
        table = export.known_texts(model, rows, onnx_graph.inputs_of(model, rows))["place"]
        asked = rows.head(3).assign(place=pd.Series([None, "never", "once"], dtype="str"))
        cells = model[0].transform(asked)[:, 0]
        told = [table[text][0] for text in (MISSING, onnx_graph.UNKNOWN, "once")]
        np.testing.assert_array_equal(cells, told)


def test_any_name_of_a_column_will_do(tmp_path: Path) -> None:
    names = {"hour": "prediction", "gaps": "constant_0", "place": 'Concat_2"\n ü'}
    made = features(rows=ROWS).rename(columns=names)
    model, rows = fitted(made, "binary", "logistic_regression")
    assert written(tmp_path, model, rows, "binary")["reason"] is None


@pytest.mark.parametrize(
    ("kind", "text", "said"),
    [
        ("hist_gradient_boosting", ["place"], "place is read as words"),
        ("xgboost", [], "no way to ONNX here for XGBClassifier"),
    ],
)
def test_what_has_no_onnx_leaves_none_and_says_why(
    tmp_path: Path, kind: str, text: list[str], said: str
) -> None:
    (tmp_path / "model.onnx").write_bytes(b"of another model")
    data = data_of("binary").model_copy(update={"text": text})
    made = features(rows=ROWS)
    model = fit(rows_of(made, Path("rows")), data, unfitted(kind, data))
    save_model(model)
    rows = made[feature_names(made, data)]
    assert said in export.write_onnx(tmp_path, model, iter([rows]), data)
    about = json.loads((tmp_path / "model.json").read_text(encoding="utf-8"))
    assert said in about["reason"]
    assert about["onnx"] is None
    assert not (tmp_path / "model.onnx").exists()


def test_a_program_is_told_by_the_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    rules = pa.DataFrameSchema({name: pa.Column() for name in ("date", "place", "gaps", "id")})
    monkeypatch.setattr(schema, "ROWS", rules)
    monkeypatch.setattr(sys, "argv", ["export.py", str(tmp_path / "out")])
    with pipeline(tmp_path):
        write(
            Path("data/prepared/2013-04.parquet"), features("2013-04", rows=63).drop(columns=TARGET)
        )
        assert "equals the model on" in program.main()
        assert load(str(tmp_path / "out/model.onnx")).graph.node
        about = json.loads((tmp_path / "out/model.json").read_text(encoding="utf-8"))
        assert about["example"].pop("place") in ("a", "b", "c")
        assert about["example"] == {"date": "2013-04-28T00:00:00", "gaps": 30.0, "id": 32}
        monkeypatch.setattr(export, "BOUND", -1.0)
        with pytest.raises(SystemExit) as end:
            program.main()
    assert end.value.code == export.NONE
    assert "no ONNX: on test rows it differs" in capsys.readouterr().err
    assert not (tmp_path / "out/model.onnx").exists()


@given(threshold=st.floats(-1e30, 1e30), value=st.floats(width=32, allow_nan=False))
def test_a_float32_is_below_a_threshold_just_if_it_is_below_its_floor(
    threshold: float, value: float
) -> None:
    assert (value <= threshold) == (np.float32(value) <= probes.floor(threshold))


@given(threshold=st.floats(-1e30, 1e30))
def test_values_around_a_threshold_are_on_both_sides_of_it(threshold: float) -> None:
    for dtype in (np.float32, np.float64):
        values = np.array(probes.around(threshold, np.dtype(dtype)))
        assert (values == values.astype(dtype)).all()
        assert (values <= threshold).any()
        assert (values > threshold).any()
