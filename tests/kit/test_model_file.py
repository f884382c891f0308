import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from frames import PARAMS_YAML, SETTINGS, features, rows_of, unfitted

from kit.base import Fault
from kit.learn import MODEL, fit, load_model, save_model


def test_a_forest_predicts_on_one_thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    save_model(fit(rows_of(features(), tmp_path), SETTINGS.data, unfitted("random_forest")))
    assert load_model()[-1].n_jobs == 1


def test_a_model_is_whole_or_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Fault, match=r"models/model.joblib: not found; `dvc repro` trains it"):
        load_model()
    model = fit(rows_of(features(), tmp_path), SETTINGS.data, unfitted())
    save_model(model)
    before = MODEL.read_bytes()
    model.cannot_be_written = lambda: None
    with pytest.raises(Exception, match="pickle"):
        save_model(model)
    assert MODEL.read_bytes() == before


CODE = """\
import numpy as np
from functools import partial
from pathlib import Path
from kit.learn import MODEL, Rows, fit, is_constant, save_model
from kit.params import Data, Train
from models import build
from params import Params
rows, data = Rows({"part-000": np.ones(60, dtype=bool)}, Path()), Params.load(Data)
model = fit(rows, data, partial(build, Params.load(Train), data))
is_constant(model, rows, data)
save_model(model)
print(hash(MODEL.read_bytes()))
"""


def test_a_model_of_texts_has_the_same_bytes_in_another_process(tmp_path: Path) -> None:
    frame = features().assign(words=np.resize(["good day", "bad day", "no"], 60))
    rows_of(frame, tmp_path)
    (tmp_path / "params.yaml").write_text(PARAMS_YAML.replace("text: []", "text: [words]"))
    env = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "PYTHONHASHSEED": "0"}
    command = [sys.executable, "-c", CODE]
    assert len({subprocess.check_output(command, cwd=tmp_path, env=env) for _ in range(2)}) == 1
