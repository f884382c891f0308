"""This project's params; of what all projects share of it, tests/kit/test_kit_params.py."""

import subprocess
import sys
from pathlib import Path

import pytest
from frames import COMMITTED, PARAMS_YAML, ROOT, SETTINGS

from params import Params


def test_the_committed_params_keep_the_contract() -> None:
    Params.check(COMMITTED)


@pytest.mark.parametrize("name", list(Params.model_fields))
def test_a_section_is_loaded_by_its_class(tmp_path: Path, name: str) -> None:
    path, section = tmp_path / "params.yaml", getattr(SETTINGS, name)
    path.write_text(PARAMS_YAML, encoding="utf-8")
    assert Params.load(type(section), path) == section


def test_no_value_has_a_default() -> None:
    for name in Params.model_fields:
        fields = type(getattr(SETTINGS, name)).model_fields.values()
        assert all(field.is_required() or field.default is None for field in fields)


def test_the_command_ends_with_code_1_and_a_line_a_fault(tmp_path: Path) -> None:
    text = PARAMS_YAML.replace("threshold: 0.5", "treshold: 0.5").replace("C: 1.0", "C: -1.0")
    (tmp_path / "params.yaml").write_text(text, encoding="utf-8")
    command = [sys.executable, str(ROOT / "src/params.py")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, encoding="utf-8", check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines() == [
        "params: params.yaml: train.logistic_regression.C is -1.0: input should be greater than 0",
        "params: params.yaml: explain.treshold is not a known key; did you mean 'threshold'?",
    ]
