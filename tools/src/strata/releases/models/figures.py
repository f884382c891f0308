"""A metric with its standard error, and as a reader sees it."""

from dataclasses import dataclass

from strata.core.errors import Fault
from strata.core.markdown import figure
from strata.core.values import NORMAL, Leaves, error_of, is_number, real
from strata.dvc.revision import Revision


@dataclass(frozen=True)
class Metric:
    """A finite value, and its standard error, if the commit says it."""

    value: float
    error: float | None

    @property
    def half(self) -> float | None:
        """Half the width of its 95% interval."""
        return None if self.error is None else NORMAL * self.error


def metric_of(metrics: Leaves, name: str) -> Metric | None:
    """A metric with its interval, from the standard error beside it."""
    value, error = real(metrics.get(name)), real(metrics.get(error_of(name)))
    if value is None:
        return None
    return Metric(value, None if error is None else abs(error))


def metrics_of(revision: Revision) -> Leaves | None:
    """The metrics of a revision, None if they cannot be read."""
    try:
        return revision.metrics
    except Fault:
        return None


def shown(metrics: Leaves | None, name: str) -> str:
    """A metric as text; None are metrics that cannot be read."""
    if metrics is None:
        return "cannot be read"
    value, metric = metrics.get(name), metric_of(metrics, name)
    if not is_number(value):
        return "–"
    if metric is None or metric.error is None:
        return figure(value)
    return f"{figure(value)} ± {figure(metric.error, scale=metric.value)}"
