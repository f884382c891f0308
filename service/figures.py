"""What /metrics shows, in Prometheus' words: of all processes, where there are several."""

import contextlib
import os
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

SHARED = "PROMETHEUS_MULTIPROC_DIR"  # names the folder of several processes' figures

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
SHARES = [each / 20 for each in range(1, 21)]
POWERS = sorted([0.0, *(sign * 10.0**power for power in range(-3, 10) for sign in (-1, 1))])


class Figures:
    """The counters of a process."""

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
        self.running = Gauge(
            "predict_running", "Requests in work", multiprocess_mode="livesum", registry=known
        )
        self.rows = Counter("predict_rows", "Rows predicted", registry=known)
        self.unlogged = Counter(
            "predict_unlogged_rows", "Rows the log had no room or no disk for", registry=known
        )
        buckets = SHARES if probabilities else POWERS
        self.predicted = Histogram(
            "predict_values", "Predictions, by column", ["column"], buckets=buckets, registry=known
        )

    def text(self) -> bytes:
        """The figures of all processes, as Prometheus reads them."""
        if not (folder := os.environ.get(SHARED)):
            return generate_latest(self.registry)
        for file in Path(folder).glob("gauge_live*.db"):
            pid = int(file.stem.rpartition("_")[2])
            try:
                os.kill(pid, 0)
            except ProcessLookupError:  # what it had in work is not in work any more
                with contextlib.suppress(FileNotFoundError):  # another process is as quick
                    mark_process_dead(pid)  # type: ignore[no-untyped-call]
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)
