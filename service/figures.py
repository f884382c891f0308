"""What /metrics tells, in Prometheus' words."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
SHARES = [each / 20 for each in range(1, 21)]
POWERS = sorted([0.0, *(sign * 10.0**power for power in range(-3, 10) for sign in (-1, 1))])


class Figures:
    """The counters of one service."""

    def __init__(self, *, probabilities: bool) -> None:
        self.registry = known = CollectorRegistry()
        self.requests = Counter(
            "predict_requests", "Requests, by the answer's status", ["status"], registry=known
        )
        self.refusals = Counter(
            "predict_refusals", "Requests refused, by the field at fault", ["field"], registry=known
        )
        self.latency = Histogram(
            "predict_seconds", "From request to answer", buckets=SECONDS, registry=known
        )
        self.running = Gauge("predict_running", "Requests in work", registry=known)
        self.rows = Counter("predict_rows", "Rows predicted", registry=known)
        self.unlogged = Counter(
            "predict_unlogged_rows", "Rows the log had no room or no disk for", registry=known
        )
        buckets = SHARES if probabilities else POWERS
        self.predicted = Histogram(
            "predict_values", "Predictions, by column", ["column"], buckets=buckets, registry=known
        )
