"""The model as ONNX, held against its manifest, and its predictions."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

import featurize
from kit.serve.session import feeds, open_session
from service.contract import Columns, Wrong
from service.settings import Refused

PLACES = 9  # as evaluate rounds


class Model:
    """A graph and its manifest. Raises Refused unless the one is what the other says.

    ``frame`` makes a frame of columns, for a project whose features are made of one.
    """

    def __init__(self, folder: Path, frame: Callable[[Columns], pd.DataFrame]) -> None:
        self._frame = frame
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

    def __call__(self, rows: Columns) -> npt.NDArray[np.float64]:
        """Predictions of shape (rows, columns). Raises Wrong for a row that there is none for."""
        return self._predict(rows, 0)

    def _predict(self, rows: Columns, first: int) -> npt.NDArray[np.float64]:
        """The same of rows that come after ``first`` others of the request."""
        count = len(next(iter(rows.values())))
        try:
            tensors = feeds(self._features(rows), self.about["inputs"])
            found = self._session.run(None, tensors)[0]
        except (ArithmeticError, ValueError) as error:  # such as a day that no calendar has
            if count == 1:
                raise Wrong(422, f"row {first + 1}: no features: {error}") from None
            half = count // 2  # one of them has the row, which has to be named
            ends = ((0, half), (half, count))
            parts = [({name: rows[name][a:b] for name in rows}, a) for a, b in ends]
            return np.concatenate([self._predict(part, first + at) for part, at in parts])
        if not np.isfinite(found).all():
            at = int(np.flatnonzero(~np.isfinite(found).all(axis=1))[0])
            raise Wrong(422, f"row {first + at + 1}: no finite prediction: a value is too large")
        return np.asarray(found.round(PLACES), dtype=np.float64)

    def _features(self, rows: Columns) -> Any:
        """By ``of_columns`` of the project's featurize.py if it has it, else by ``of_rows``."""
        if of_columns := getattr(featurize, "of_columns", None):
            return of_columns(rows)
        return featurize.of_rows(self._frame(rows))
