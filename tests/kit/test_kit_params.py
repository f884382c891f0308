from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml
from dvc.utils.collections import merge_dicts
from dvc.utils.serialize import modify_yaml
from frames import MODELLING, features
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from kit import params
from kit.base import Fault, read_yaml, write
from kit.params import Params, Ridge, Train

SETTINGS = Params.check(yaml.safe_load(MODELLING))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A good params.yaml."""
    found = tmp_path / "params.yaml"
    found.write_text(MODELLING, encoding="utf-8")
    return found


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, old
    path.write_text(text.replace(old, new), encoding="utf-8")


def said(path: Path) -> list[str]:
    """The lines of the Fault of a bad file, without its name."""
    with pytest.raises(Fault) as fault:
        Params.load(Train, path)
    lines = str(fault.value).splitlines()
    assert all(line.startswith(str(path)) for line in lines)
    return [line.removeprefix(f"{path}: ") for line in lines]


@pytest.mark.parametrize("name", list(Params.model_fields))
def test_a_section_is_loaded_by_its_class(path: Path, name: str) -> None:
    section = getattr(SETTINGS, name)
    assert Params.load(type(section), path) == section


MODELS = "hist_gradient_boosting, logistic_regression, random_forest, ridge, xgboost"
HGB = "train.hist_gradient_boosting"
BAD = {  # by what is replaced with what
    ("learning_rate: 0.1", "learning_rat: 0.1"): (
        f"{HGB}.learning_rat is not a known key; did you mean 'learning_rate'?"
    ),
    ("evaluate:", "evalaute:"): "evalaute is not a known key; did you mean 'evaluate'?",
    ("  bins: 5", "  bins: 5\n  zebra: 1"): (
        "explain.zebra is not a known key; known: " + ", ".join(params.Explain.model_fields)
    ),
    ("  test: 1\n", ""): "split.test is missing",
    ("  ridge:\n    alpha: 1.0", "  ridge: 2"): (
        "train.ridge is 2: should be a section with keys of its own"
    ),
    ("  test: 1", "  test: 0"): "split.test is 0: should be 1 or more, or a share between 0 and 1",
    ("  test: 1", "  test: 0.2"): (
        "split: validation and test are numbers of periods by time, else shares"
    ),
    ("  period: month", "  period: null"): "split: by time and period None do not go together",
    ("  by: time", "  by: random"): "split: by random and column 'date' do not go together",
    ("  positive: 1", "  positive: null"): (
        "data: positive is the class to predict if task is binary, else null"
    ),
    ("text: []", "text: [id]"): "data: text names 'id', which has another role",
    ("  key: [date, id]", "  key: date"): "data.key is 'date': input should be a valid list",
    ("model: hist_gradient_boosting", "model: ridge"): (
        "the file: train.model is ridge, and data.task is binary"
    ),
    ("rate: 0.1", 'rate: "0.1"'): f"{HGB}.learning_rate is '0.1': input should be a valid number",
    ("rate: 0.1", "rate: true"): f"{HGB}.learning_rate is True: input should be a valid number",
    ("rate: 0.1", "rate: -0.1"): f"{HGB}.learning_rate is -0.1: input should be greater than 0",
    ("leaf_nodes: 4", "leaf_nodes: true"): (
        f"{HGB}.max_leaf_nodes is True: input should be a valid integer"
    ),
    # Another YAML sees a truth here.
    ("rows: 40", "rows: on"): "explain.importance_rows is 'on': input should be a valid integer",
    ("rows: 40", "rows: 4.5"): "explain.importance_rows is 4.5: input should be a valid integer",
    ("max_features: 0.75", "max_features: 1.5"): (
        "train.random_forest.max_features is 1.5: input should be less than or equal to 1"
    ),
    # scikit-learn would take it for a count.
    ("max_features: 0.75", "max_features: 1"): (
        "train.random_forest.max_features is 1: a share is written with a point, such as 1.0"
    ),
    ("threshold: 0.5", "threshold: .nan"): (
        "explain.threshold is nan: input should be a finite number"
    ),
    ("threshold: 0.5", "threshold:"): "explain.threshold is None: input should be a valid number",
    ("model: hist_gradient_boosting", "model: catboost"): (
        f"train.model is 'catboost': should be one of {MODELS}"
    ),
}


@pytest.mark.parametrize("change", BAD, ids=lambda change: change[1].strip() or "missing")
def test_a_bad_value_is_one_line_with_the_key_the_value_and_what_is_allowed(
    path: Path, change: tuple[str, str]
) -> None:
    edit(path, *change)
    assert said(path) == [BAD[change]]


@pytest.mark.parametrize(
    ("old", "new", "start"),
    [
        ("split:", "split: [", "line 11: not valid YAML: "),
        ("  period", "\tperiod", "line 12: not valid YAML: "),
        ("  period", "  column", "line 12: not valid YAML: "),  # twice
        ("threshold: 0.5", "threshold: 2013-02-31", "not valid YAML: "),
    ],
)
def test_broken_yaml_is_one_line(path: Path, old: str, new: str, start: str) -> None:
    edit(path, old, new)
    (line,) = said(path)
    assert line.removeprefix(f"{path}, ").startswith(start)


def test_a_file_that_is_not_text_or_empty_or_missing_is_one_line(path: Path) -> None:
    path.write_bytes(b"\xff\xfe\x00")
    (line,) = said(path)
    assert line.startswith("not valid YAML: ")
    path.write_text("# nothing yet\n", encoding="utf-8")
    assert said(path) == ["the file is None: should be a section with keys of its own"]
    path.unlink()
    assert said(path) == ["not found; run this from the top of the repository"]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """The folder of a table with the columns that the params name, and others."""
    write(tmp_path / "features/2013-01.parquet", features())
    return tmp_path / "features"


COLUMNS = ["date", "id", "place", "hour", "gaps", "label"]
MISSPELT = {  # by what is replaced with what
    ("target: label", "target: labell"): "data.target names 'labell'",
    ("key: [date, id]", "key: [dat, id]"): "data.key names 'dat'",
    ("not_features: [date, id]", "not_features: [datum, id]"): "data.not_features names 'datum'",
    ("text: []", "text: [places]"): "data.text names 'places'",
    ("weight: null", "weight: hours"): "data.weight names 'hours'",
    ("column: date", "column: dates"): "split.column names 'dates'",
    ("block: date", "block: datee"): "evaluate.block names 'datee'",
    ("slices: [place]", "slices: [plase]"): "card.slices names 'plase'",
}


@pytest.mark.parametrize("change", MISSPELT, ids=lambda change: change[1])
def test_a_column_that_is_not_there_is_one_line_with_the_nearest(
    path: Path, table: Path, change: tuple[str, str]
) -> None:
    Params.check_columns(table, path)
    edit(path, *change)
    with pytest.raises(Fault) as fault:
        Params.check_columns(table, path)
    (line,) = str(fault.value).splitlines()
    assert line.startswith(f"{path}: {MISSPELT[change]}, and no column is called so; did you mean")
    assert any(line.endswith(f" {name!r}?") for name in COLUMNS)


def test_columns_that_the_reading_of_rows_adds_may_be_named_and_strange_ones_are_all_said(
    path: Path, table: Path
) -> None:
    edit(path, "block: date", "block: partition")
    edit(path, "slices: [place]", "slices: [split, place]")
    Params.check_columns(table, path)
    edit(path, "[split, place]", "[zebra, xylophone]")
    with pytest.raises(Fault) as fault:
        Params.check_columns(table, path)
    first, second = str(fault.value).splitlines()
    assert first.endswith("no column is called so; there are date, id, place, hour, gaps, label")
    assert "'xylophone'" in second


def test_a_small_number_as_dvc_writes_it_is_a_number(path: Path) -> None:
    edit(path, "learning_rate: 0.1", "learning_rate: 1e-6")
    own = Params.load(Train, path).hist_gradient_boosting
    assert own
    assert own.learning_rate == 0.000001


def test_sections_are_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        SETTINGS.train.seed = 1


def leaves(value: Any) -> list[Any]:
    if not isinstance(value, dict):
        return [value]
    return [leaf for key in sorted(value) for leaf in leaves(value[key])]


ANYTHING = (
    *(st.none(), st.booleans(), st.integers(0, 3), st.integers()),
    *(st.floats(0, 1), st.floats(allow_nan=False), st.sampled_from(["1", "on", "1e3", "2013-01"])),
)


@given(data=st.data(), value=st.one_of(*ANYTHING))
def test_what_is_loaded_is_what_dvc_wrote_type_and_all_or_refused(
    data: st.DataObject, value: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    content = SETTINGS.model_dump()
    section = content
    while isinstance(section[key := data.draw(st.sampled_from(sorted(section)))], dict):
        section = section[key]
    section[key] = value
    path = tmp_path_factory.mktemp("params") / "params.yaml"
    path.write_text(MODELLING, encoding="utf-8")
    with modify_yaml(path) as written:  # as `dvc exp run -S` does
        merge_dicts(written, content)
    found = [read_yaml(path)]
    with suppress(Fault):  # to refuse is all that the contract may do
        found.append(Params.check(found[0], path).model_dump())
    for loaded in found:
        assert loaded == content
        assert [type(x) for x in leaves(loaded)] == [type(x) for x in leaves(content)]


def test_no_value_has_a_default() -> None:
    def fields(model: type[BaseModel]) -> Iterator[FieldInfo]:
        for field in model.model_fields.values():
            yield field
            if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
                yield from fields(field.annotation)

    optional = [field for field in fields(Params) if not field.is_required()]
    assert all(field.default is None for field in optional)  # a section that is not needed
    assert all(field.alias is None for field in fields(Params))


class Mine(Train):
    mine: Ridge | None = None


class Own(Params):
    train: Mine


def test_a_project_may_add_to_a_section_which_is_loaded_by_the_same_class(path: Path) -> None:
    edit(path, "model: hist_gradient_boosting", "model: mine")
    edit(path, "  ridge:", "  mine:\n    alpha: 2.0\n  ridge:")
    found = Own.load(Train, path)
    assert isinstance(found, Mine)
    assert found.mine == Ridge(alpha=2.0)
    edit(path, "    alpha: 2.0", "    alhpa: 2.0")
    with pytest.raises(Fault, match=r"train\.mine\.alhpa is not a known key; did you mean 'alpha'"):
        Own.load(Train, path)


def test_that_the_contract_is_kept_is_noted_in_the_same_words(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(path.parent)
    params.keep_contract(Params)
    noted = params.KEPT.read_bytes()
    edit(path, "rate: 0.1", "rate: 0.2")
    params.keep_contract(Params)
    assert params.KEPT.read_bytes() == noted
    edit(path, "rate: 0.2", "rate: -0.2")
    with pytest.raises(Fault, match=r"learning_rate is -0\.2"):
        params.keep_contract(Params)
