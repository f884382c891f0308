"""The model as ONNX, held against its manifest, and what it says of rows."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

import featurize
from kit.serve.session import feeds, open_session
from service.contract import Wrong
from service.settings import Refused

PLACES = 9  # as evaluate rounds


class Model:
    """A graph and its manifest. Raises Refused unless the one is what the other says."""

    def __init__(self, folder: Path) -> None:
        manifest, graph = folder / "model.json", folder / "model.onnx"
        try:
            self.about: dict[str, Any] = json.loads(manifest.read_text(encoding="utf-8"))
            wanted = self.about["onnx"]
            if wanted is None:
                raise Refused(f"{manifest}: there is no ONNX of this model: {self.about['reason']}")
            content = graph.read_bytes()
        except OSError as error:
            raise Refused(f"{error.filename}: {error.strerror}; `make serve` writes it") from None
        except (ValueError, KeyError, TypeError) as error:
            raise Refused(f"{manifest}: is not what src/export.py writes: {error!r}") from None
        if (found := hashlib.sha256(content).hexdigest()) != wanted["sha256"]:
            raise Refused(
                f"{graph}: its SHA-256 is {found}, and {manifest} says {wanted['sha256']}: "
                "export the model again"
            )
        self._session = open_session(content)
        self.columns: list[str] = self.about["columns"]

    def __call__(self, rows: pd.DataFrame) -> npt.NDArray[np.float64]:
        """Predictions of shape (rows, columns). Raises Wrong for a row that there is none for."""
        try:
            features = featurize.of_rows(rows)
            found = self._session.run(None, feeds(features, self.about["inputs"]))[0]
        except (ArithmeticError, ValueError) as error:  # such as a day that no calendar has
            if len(rows) == 1:
                raise Wrong(422, f"row {int(rows.index[0]) + 1}: no features: {error}") from None
            half = len(rows) // 2  # one of them has the row, which has to be named
            return np.concatenate([self(rows[:half]), self(rows[half:])])
        if not np.isfinite(found).all():
            at = int(np.flatnonzero(~np.isfinite(found).all(axis=1))[0])
            number = int(rows.index[at]) + 1
            raise Wrong(422, f"row {number}: no finite prediction: a value of it is too large")
        return np.asarray(found.round(PLACES), dtype=np.float64)
