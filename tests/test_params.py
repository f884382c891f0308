import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pytest
from dvc.utils.serialize import dump_yaml, modify_yaml
from frames import PARAMS_YAML, SETTINGS
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel
from pydantic.fields import FieldInfo

import params
from stage import Fault

ROOT = Path(__file__).parents[1]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A good params.yaml."""
    found = tmp_path / "params.yaml"
    found.write_text(PARAMS_YAML, encoding="utf-8")
    return found


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, old
    path.write_text(text.replace(old, new), encoding="utf-8")


def said(path: Path) -> list[str]:
    """The lines of the Fault of a bad file, without its name."""
    with pytest.raises(Fault) as fault:
        params.load(params.Train, path)
    lines = str(fault.value).splitlines()
    assert all(line.startswith(str(path)) for line in lines)
    return [line.removeprefix(f"{path}: ") for line in lines]


def test_the_committed_params_keep_the_contract() -> None:
    params.check(params.parse(ROOT / "params.yaml"))


@pytest.mark.parametrize("name", list(params.Params.model_fields))
def test_a_section_is_loaded_by_its_class(path: Path, name: str) -> None:
    section = getattr(SETTINGS, name)
    assert params.load(type(section), path) == section


MODELS = "'hist_gradient_boosting', 'logistic_regression' or 'random_forest'"
BAD = {
    "a typo": (
        ("learning_rate: 0.1", "learning_rat: 0.1"),
        "train.hist_gradient_boosting.learning_rat is not a known key; "
        "did you mean 'learning_rate'?",
    ),
    "a typo in a section": (
        ("evaluate:", "evalaute:"),
        "evalaute is not a known key; did you mean 'evaluate'?",
    ),
    "a key like no other": (
        ("late_minutes: 15", "late_minutes: 15\n  zebra: 1"),
        "prepare.zebra is not a known key; known: late_minutes, weather_lag_hours, max_wind_mph",
    ),
    "a missing key": (
        ("  test_months: 1\n", ""),
        "split.test_months is missing",
    ),
    "text for a number": (
        ("learning_rate: 0.1", 'learning_rate: "0.1"'),
        "train.hist_gradient_boosting.learning_rate is '0.1': input should be a valid number",
    ),
    "a truth for a number": (
        ("learning_rate: 0.1", "learning_rate: true"),
        "train.hist_gradient_boosting.learning_rate is True: input should be a valid number",
    ),
    "a truth for a count": (
        ("late_minutes: 15", "late_minutes: true"),
        "prepare.late_minutes is True: input should be a valid integer",
    ),
    "a word where another YAML sees a truth": (
        ("late_minutes: 15", "late_minutes: on"),
        "prepare.late_minutes is 'on': input should be a valid integer",
    ),
    "a fraction for a count": (
        ("late_minutes: 15", "late_minutes: 15.5"),
        "prepare.late_minutes is 15.5: input should be a valid integer",
    ),
    "a negative rate": (
        ("learning_rate: 0.1", "learning_rate: -0.1"),
        "train.hist_gradient_boosting.learning_rate is -0.1: input should be greater than 0",
    ),
    "a share above 1": (
        ("max_features: 0.75", "max_features: 1.5"),
        "train.random_forest.max_features is 1.5: input should be less than or equal to 1",
    ),
    "weather of the future": (
        ("weather_lag_hours: 1", "weather_lag_hours: 0"),
        "prepare.weather_lag_hours is 0: input should be greater than or equal to 1",
    ),
    "no number": (
        ("threshold: 0.5", "threshold: .nan"),
        "evaluate.threshold is nan: input should be a finite number",
    ),
    "nothing": (
        ("threshold: 0.5", "threshold:"),
        "evaluate.threshold is None: input should be a valid number",
    ),
    "an unknown model": (
        ("model: hist_gradient_boosting", "model: xgboost"),
        f"train.model is 'xgboost': input should be {MODELS}",
    ),
    "a month that no calendar has": (
        ('"2013-10"', '"2013-13"'),
        "ingest.through is '2013-13': should be a month, such as \"2013-10\"",
    ),
    "a day for a month": (
        ('"2013-10"', '"2013-10-01"'),
        "ingest.through is '2013-10-01': should be a month, such as \"2013-10\"",
    ),
    "a number for a section": (
        ("  validation_months: 1\n  test_months: 1\n", "  2\n"),
        "split is 2: should be a section with keys of its own",
    ),
}


@pytest.mark.parametrize("bad", BAD)
def test_a_bad_value_is_one_line_with_the_key_the_value_and_what_is_allowed(
    path: Path, bad: str
) -> None:
    (old, new), line = BAD[bad]
    edit(path, old, new)
    assert said(path) == [line]


def test_each_fault_has_a_line(path: Path) -> None:
    edit(path, "threshold: 0.5", "threshold: 2")
    edit(path, "late_minutes: 15", "late_minutes: 0")
    assert said(path) == [
        "prepare.late_minutes is 0: input should be greater than or equal to 1",
        "evaluate.threshold is 2: input should be less than 1",
    ]


NOT_YAML = {
    "an open bracket": (("split:", "split: ["), "line 12: not valid YAML: "),
    "a tab": (("  late_minutes", "\tlate_minutes"), "line 5: not valid YAML: "),
    "a key given twice": (("  test_months", "  validation_months"), "line 12: not valid YAML: "),
    "a day that no calendar has": (('"2013-10"', "2013-02-31"), "not valid YAML: day"),
}


@pytest.mark.parametrize("bad", NOT_YAML)
def test_broken_yaml_is_one_line(path: Path, bad: str) -> None:
    (old, new), start = NOT_YAML[bad]
    edit(path, old, new)
    (line,) = said(path)
    assert line.removeprefix(f"{path}, ").startswith(start)


def test_a_file_that_is_not_text_is_one_line(path: Path) -> None:
    path.write_bytes(b"\xff\xfe\x00")
    (line,) = said(path)
    assert line.startswith("not valid YAML: ")


def test_an_empty_file_is_one_line(path: Path) -> None:
    path.write_text("# nothing yet\n", encoding="utf-8")
    assert said(path) == ["the file is None: should be a section with keys of its own"]


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(Fault, match=r"params.yaml: not found; run this from the top"):
        params.load(params.Train, tmp_path / "params.yaml")


def test_a_small_number_as_dvc_writes_it_is_a_number(path: Path) -> None:
    edit(path, "learning_rate: 0.1", "learning_rate: 1e-6")
    assert params.load(params.Train, path).hist_gradient_boosting.learning_rate == 0.000001


def test_a_share_without_a_point_would_be_a_count_and_is_refused(path: Path) -> None:
    edit(path, "max_features: 0.75", "max_features: 1")
    assert said(path) == [
        "train.random_forest.max_features is 1: a share is written with a point, such as 1.0"
    ]


def test_null_lifts_the_limit_of_depth(path: Path) -> None:
    edit(path, "max_depth: 3", "max_depth: null")
    assert params.load(params.Train, path).random_forest.max_depth is None


def test_sections_are_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        SETTINGS.train.seed = 1


def values(field: FieldInfo) -> st.SearchStrategy[Any]:
    """Any value that a key may have, by its type and the limits in its metadata."""
    limits = {
        name: getattr(limit, name)
        for limit in field.metadata
        for name in ("gt", "ge", "lt", "le", "pattern")
        if getattr(limit, name, None) is not None
    }
    kinds = get_args(field.annotation) or (field.annotation,)
    if get_origin(field.annotation) is Literal:
        return st.sampled_from(kinds)
    return st.one_of(*(values_of(kind, limits) for kind in kinds))


def values_of(kind: Any, limits: dict[str, Any]) -> st.SearchStrategy[Any]:
    if get_origin(kind) is not None:  # Annotated, inside a union
        return values(FieldInfo.from_annotation(kind))
    if kind is type(None):
        return st.none()
    if issubclass(kind, BaseModel):
        return st.builds(kind, **{k: values(field) for k, field in kind.model_fields.items()})
    if kind is str:
        return st.from_regex(limits.get("pattern", r"[a-z_]+(\.[a-z_]+)*"), fullmatch=True)
    low, high = limits.get("gt", limits.get("ge")), limits.get("lt", limits.get("le"))
    if kind is int:
        whole = st.integers(low, high)
        return whole.filter(lambda n: n not in (limits.get("gt"), limits.get("lt")))
    return st.floats(
        low,
        high,
        exclude_min="gt" in limits,
        exclude_max="lt" in limits,
        allow_nan=False,
        allow_infinity=False,
    )


@given(written=values_of(params.Params, {}))
def test_params_come_back_from_yaml_as_dvc_writes_it(
    written: params.Params, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("params") / "params.yaml"
    dump_yaml(path, written.model_dump())
    assert params.check(params.parse(path), path) == written


def leaves(value: Any) -> list[Any]:
    return [x for v in value.values() for x in leaves(v)] if isinstance(value, dict) else [value]


@given(data=st.data(), value=st.sampled_from([0, 1, 2, 1.0, 0.5, True, "1", None, "2013-01"]))
def test_what_is_loaded_is_what_is_written_type_and_all(data: st.DataObject, value: Any) -> None:
    content = SETTINGS.model_dump()
    section = content
    while True:
        key = data.draw(st.sampled_from(sorted(section)))
        if not isinstance(section[key], dict):
            break
        section = section[key]
    section[key] = value
    try:
        loaded = params.check(content).model_dump()
    except Fault:
        return  # refused, which is all that the contract may do
    assert loaded == content
    assert [type(x) for x in leaves(loaded)] == [type(x) for x in leaves(content)]


def test_no_value_has_a_default() -> None:
    def fields(model: type[BaseModel]) -> Iterator[FieldInfo]:
        for field in model.model_fields.values():
            yield field
            if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
                yield from fields(field.annotation)

    assert all(field.is_required() and field.alias is None for field in fields(params.Params))


@given(seed=st.integers(0, 2**32 - 1), rate=st.floats(0, exclude_min=True, allow_infinity=False))
def test_params_come_back_when_dvc_edits_a_file_of_ours(
    seed: int, rate: float, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("params") / "params.yaml"
    path.write_text((ROOT / "params.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    with modify_yaml(path) as content:
        content["train"]["seed"] = seed
        content["train"]["hist_gradient_boosting"]["learning_rate"] = rate
    train = params.load(params.Train, path)
    assert (train.seed, train.hist_gradient_boosting.learning_rate) == (seed, rate)


def run_check(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / "src/params.py")],
        cwd=folder,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )


def test_the_command_ends_with_code_1_and_a_line_a_fault(path: Path) -> None:
    edit(path, "threshold: 0.5", "treshold: 0.5")
    edit(path, "late_minutes: 15", "late_minutes: -15")
    done = run_check(path.parent)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines() == [
        "params: params.yaml: prepare.late_minutes is -15: "
        "input should be greater than or equal to 1",
        "params: params.yaml: evaluate.treshold is not a known key; did you mean 'threshold'?",
    ]


def test_the_command_is_content_with_good_params(path: Path) -> None:
    done = run_check(path.parent)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("params: params.yaml keeps its contract")
