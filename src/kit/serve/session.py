"""How the model as ONNX is run, and how rows go in: a tensor a feature, of shape (rows, 1).

A number is float64, missing as NaN. A text is a string; since an ONNX string is never missing,
MISSING stands for it. What serves a model needs this file, and no scikit-learn.
"""

import os
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # before the import: it tells its maker of each model
import onnxruntime

MISSING = "\uffff"  # is no character, says Unicode, and free for use inside a program
NUMBER, TEXT = "number", "text"


def open_session(content: bytes) -> Any:
    """What runs a graph, in one thread: more would add up the trees in another order."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def feeds(
    features: Mapping[str, Any] | pd.DataFrame, inputs: list[dict[str, str]]
) -> dict[str, Any]:
    """The tensors that ``inputs`` ask for by name, each a ``number`` or a ``text``.

    ``features`` are columns: arrays of NumPy or of pandas, or a frame.
    """
    kinds = {each["name"]: each["type"] for each in inputs}
    tensors = {}
    for name, kind in kinds.items():
        values = features[name]
        if kind == TEXT:
            values = np.array(values, dtype=object)  # a copy
            values[pd.isna(values)] = MISSING
        elif isinstance(values, np.ndarray):
            values = values.astype(np.float64)
        else:
            values = values.to_numpy(dtype=np.float64, na_value=np.nan)
        tensors[name] = values.reshape(-1, 1)
    return tensors
