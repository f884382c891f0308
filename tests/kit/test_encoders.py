from pathlib import Path

import numpy as np
import pandas as pd
from frames import MODELS, SETTINGS, TARGET, features, rows_of, unfitted

from kit.learn import feature_names, fit


def test_all_columns_that_have_no_other_role_are_features() -> None:
    frame = features().assign(partition="2013-01", split="test", w=1.0)
    data = SETTINGS.data.model_copy(update={"weight": "w"})
    assert feature_names(frame, data) == ["place", "hour", "gaps"]


def test_words_are_read_and_a_rare_category_is_as_a_new_one(tmp_path: Path) -> None:
    frame = features(rows=200)
    good = frame[TARGET] == 1
    frame["note"] = np.where(good, "all is well", "it broke down")
    frame.loc[0, "place"] = "once"
    data = SETTINGS.data.model_copy(update={"text": ["note"]})
    rows = rows_of(frame.drop(columns=["hour", "gaps"]), tmp_path)
    for model in MODELS:
        pipeline = fit(rows, data, unfitted(model, data, min_frequency=5))
        new = pd.DataFrame(
            {"place": ["once", "never", "b"], "note": ["all is well"] * 2 + ["it broke down"]}
        )
        once, never, broken = pipeline.predict_proba(new)[:, 1]
        assert min(once, never) > broken
        assert once == never or model != "logistic_regression"
