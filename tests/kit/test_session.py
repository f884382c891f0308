import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from onnx import TensorProto, helper

from kit.serve.session import MISSING, feeds


def test_numbers_become_float64_and_what_is_missing_stays_so() -> None:
    frame = pd.DataFrame(
        {
            "text": pd.Series(["a", None], dtype="str"),
            "small": np.array([0.1, np.nan], "float32"),
            "whole": pd.array([1, None], dtype="Int64"),
            "truth": [True, False],
        }
    )
    kinds = dict.fromkeys(frame.columns.astype(str), "number") | {"text": "text"}
    found = feeds(frame, [{"name": name, "type": kind} for name, kind in kinds.items()])
    assert {values.shape for values in found.values()} == {(2, 1)}
    assert found["text"].ravel().tolist() == ["a", MISSING]
    assert found["small"][0, 0] == np.float64(np.float32(0.1))
    np.testing.assert_array_equal(found["whole"].ravel(), [1, np.nan])
    assert found["truth"].ravel().tolist() == [1, 0]


def test_nothing_is_told_to_anybody(tmp_path: Path) -> None:
    """onnxruntime keeps the number of a machine, and reports from it, unless told not to."""
    value = helper.make_tensor_value_info("x", TensorProto.DOUBLE, ["rows", 1])
    node = helper.make_node("Identity", ["x"], ["y"])
    out = helper.make_tensor_value_info("y", TensorProto.DOUBLE, ["rows", 1])
    graph = helper.make_graph([node], "g", [value], [out])
    opset = helper.make_opsetid("", 21)
    model = helper.make_model(graph, opset_imports=[opset], ir_version=10)
    (tmp_path / "x.onnx").write_bytes(model.SerializeToString())
    home = tmp_path / "home"
    home.mkdir()
    code = "from kit.serve.session import open_session; open_session(open('x.onnx', 'rb').read())"
    quiet = {"CI", "GITHUB_ACTIONS", "ORT_DISABLE_TELEMETRY", "XDG_CACHE_HOME"}
    env = {name: value for name, value in os.environ.items() if name not in quiet}
    env |= {"HOME": str(home), "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=env, check=True)
    assert list(home.rglob("*")) == []
