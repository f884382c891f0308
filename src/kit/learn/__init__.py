"""Which rows a model learns from, how it is fitted, and how it is kept."""

from kit.learn.baselines import fit_baselines
from kit.learn.encoders import for_linear, for_trees
from kit.learn.fitting import fit, is_constant
from kit.learn.model_file import MODEL, load_model, save_model
from kit.learn.outcomes import classes_of, feature_names, labels, predict, predict_all
from kit.learn.split import Rows, read_splits

__all__ = [
    "MODEL",
    "Rows",
    "classes_of",
    "feature_names",
    "fit",
    "fit_baselines",
    "for_linear",
    "for_trees",
    "is_constant",
    "labels",
    "load_model",
    "predict",
    "predict_all",
    "read_splits",
    "save_model",
]
