"""The service as it is, but for the model: scikit-learn's pipeline, and its predict_proba."""

import joblib
import numpy as np
import service.__main__
import service.app
from service.contract import Columns
from service.model import PLACES, Model

import featurize

model = joblib.load("models/model.joblib")


class Pickled(Model):
    def __call__(self, rows: Columns) -> np.ndarray:
        features = featurize.of_rows(self._frame(rows))[model.feature_names_in_]
        return model.predict_proba(features)[:, 1:].round(PLACES)


service.app.Model = Pickled
service.__main__.main()
