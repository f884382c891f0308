"""LitServe, of a model that makes the features and asks scikit-learn's pipeline, with batches of
what comes in 5 ms: `python serving_litserve.py PORT`.
"""

import sys
from typing import Any

import joblib
import litserve
import numpy as np
import pandas as pd

import featurize


class Flights(litserve.LitAPI):
    def setup(self, device: str) -> None:
        self.model = joblib.load("models/model.joblib")

    def decode_request(self, request: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return request

    def batch(self, inputs: list[list[dict[str, Any]]]) -> list[dict[str, Any]]:
        return [row for rows in inputs for row in rows]

    def predict(self, x: list[dict[str, Any]]) -> np.ndarray:
        rows = pd.DataFrame(x)
        rows = rows.astype({"date": "datetime64[us]"})
        features = featurize.of_rows(rows)[self.model.feature_names_in_]
        return np.asarray(self.model.predict_proba(features)[:, 1])

    def unbatch(self, output: np.ndarray) -> list[float]:
        return list(output)

    def encode_response(self, output: float) -> dict[str, Any]:
        return {"predictions": [{"probability": output}]}


if __name__ == "__main__":
    api = Flights(max_batch_size=64, batch_timeout=0.005, enable_async=False)
    server = litserve.LitServer(api, accelerator="cpu", disable_openapi_url=True)
    server.run(
        host="127.0.0.1", port=int(sys.argv[1]), generate_client_file=False, log_level="error"
    )
