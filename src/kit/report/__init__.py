"""What a model is worth: metrics with errors, beside baselines; curves, slices, the card."""

from kit.report.evaluation import evaluate, prediction_rows, verdict
from kit.report.explanation import explain
from kit.report.tasks import task_of

__all__ = [
    "evaluate",
    "explain",
    "prediction_rows",
    "task_of",
    "verdict",
]
