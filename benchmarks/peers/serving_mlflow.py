"""MLflow's scoring server, of a model that makes the features and asks scikit-learn's pipeline:
`python serving_mlflow.py PORT`.
"""

import sys
import tempfile

import joblib
import mlflow.pyfunc
import pandas as pd
import uvicorn
from mlflow.pyfunc import scoring_server

import featurize

LATER = ["date"]  # JSON has no moments


class Flights(mlflow.pyfunc.PythonModel):
    def load_context(self, context: object) -> None:
        self.model = joblib.load("models/model.joblib")

    def predict(self, context: object, model_input: pd.DataFrame, params: object = None) -> object:
        rows = model_input.assign(**{name: pd.to_datetime(model_input[name]) for name in LATER})
        features = featurize.of_rows(rows)[self.model.feature_names_in_]
        return self.model.predict_proba(features)[:, 1]


with tempfile.TemporaryDirectory() as folder:
    path = f"{folder}/model"
    mlflow.pyfunc.save_model(path, python_model=Flights(), pip_requirements=[])
    app = scoring_server.init(mlflow.pyfunc.load_model(path))
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), access_log=False)
