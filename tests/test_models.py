from typing import Any

import pytest
from frames import MODELS, SETTINGS, TARGET, features, unfitted
from sklearn.pipeline import Pipeline

from kit.params import Ridge, Train
from models import estimator


def made(model: str, **others: Any) -> Pipeline:
    frame = features().drop(columns=[TARGET, "date", "id"])
    return unfitted(model, **others)(frame)


@pytest.mark.parametrize("model", MODELS)
def test_a_model_takes_its_own_section_and_seed(model: str) -> None:
    found = made(model, seed=7)[-1].get_params()
    asked = getattr(SETTINGS.train, model).model_dump()
    assert {key: found[key] for key in asked} == asked
    if model != "logistic_regression":  # which has no chance in it
        assert found["random_state"] == 7


def test_boosting_holds_out_no_rows_at_random_and_a_forest_is_fitted_on_all_threads() -> None:
    assert made("hist_gradient_boosting")[-1].early_stopping is False
    assert made("random_forest")[-1].n_jobs == -1


class Own(Train):
    mine: Ridge | None = None


def test_a_model_of_ones_own_has_a_section_and_needs_a_case() -> None:
    content = SETTINGS.train.model_dump() | {"model": "mine", "mine": {"alpha": 1.0}}
    with pytest.raises(ValueError, match=r"train.model is mine: models.py has no case for it"):
        estimator(Own(**content), "binary")
