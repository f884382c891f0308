"""All that a monitor has found."""

from dataclasses import dataclass

from strata.monitor.drift import Drift
from strata.monitor.judging import Partition


@dataclass(frozen=True)
class Watch:
    """All that was found: each partition since, and which of them raises an alarm.

    ``notes`` are Markdown, in which no text of others can do anything.
    """

    champion: str
    metric: str
    partitions: list[Partition]
    p_values: list[float | None]
    levels: list[float]
    alarms: list[bool]
    false_alarms: tuple[float, float]
    drifts: list[Drift]
    drifted: str
    notes: list[str]

    @property
    def judged(self) -> list[int]:
        """The places of the partitions that could be judged."""
        return [at for at, p in enumerate(self.p_values) if p is not None]

    @property
    def word(self) -> str:
        """Stale or not, by the newest partition that could be judged; else cannot tell."""
        if not self.judged:
            return "cannot tell"
        return "stale" if self.alarms[self.judged[-1]] else "not stale"
