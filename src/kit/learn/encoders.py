"""Columns as a model takes them: text is categories, but for what is read as words."""

from typing import Any

import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from kit.params import Data

WORDS = 256  # columns that the words of a text are hashed into


def for_linear(features: pd.DataFrame, data: Data, rare: int) -> ColumnTransformer:
    """Unfitted encoders for a linear model: gaps filled, numbers scaled, a column a category.

    A category with fewer rows than ``rare`` counts as rare.
    """
    numbers = make_pipeline(SimpleImputer(add_indicator=True), StandardScaler())
    categories = OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=rare)
    return _encoders(features, data, categories, numbers)


def for_trees(features: pd.DataFrame, data: Data, rare: int) -> ColumnTransformer:
    """Unfitted encoders for trees: numbers as they are, gaps too, and a number a category."""
    categories = OrdinalEncoder(
        handle_unknown="use_encoded_value", unknown_value=-1, min_frequency=rare
    )
    return _encoders(features, data, categories, "passthrough")


def _encoders(
    features: pd.DataFrame, data: Data, of_categories: Any, of_numbers: Any
) -> ColumnTransformer:
    numbers = list(features.select_dtypes(["number", "bool"]).columns)
    categories = [name for name in features.columns if name not in {*numbers, *data.text}]
    words = HashingVectorizer(n_features=WORDS, ngram_range=(1, 2))
    return ColumnTransformer(
        [
            ("categories", of_categories, categories),
            ("numbers", of_numbers, numbers),
            *((name, words, name) for name in data.text),
        ],
        sparse_threshold=0 if data.text else 0.3,
    )
