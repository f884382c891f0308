"""How the model as ONNX is run, and how rows go in: a tensor a feature, of shape (rows, 1).

A number is float64, missing as NaN. A text is a string; since an ONNX string is never missing,
MISSING stands for it. What serves a model needs this file, and no scikit-learn.
"""

import os
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


def feeds(features: pd.DataFrame, inputs: list[dict[str, str]]) -> dict[str, Any]:
    """The tensors that ``inputs`` ask for by name, each a ``number`` or a ``text``."""
    numbers = [each["name"] for each in inputs if each["type"] == NUMBER]
    cells = features[numbers].to_numpy(dtype=np.float64, na_value=np.nan)
    columns = np.asfortranarray(cells)  # so that each of them lies in one piece
    found = {name: columns[:, at : at + 1] for at, name in enumerate(numbers)}
    for each in inputs:
        if each["type"] == TEXT:
            values = features[each["name"]]
            texts = values.to_numpy(dtype=object, copy=True)
            texts[values.isna().to_numpy()] = MISSING
            found[each["name"]] = texts.reshape(-1, 1)
    return found
