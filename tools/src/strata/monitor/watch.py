"""What a monitor has found: each partition, and which of them raise an alarm."""

from dataclasses import dataclass
from functools import cached_property

from strata.compare.verdict import Estimate
from strata.monitor import looks
from strata.monitor.drift import Drift
from strata.monitor.looks import Look


@dataclass(frozen=True, eq=False)  # it holds arrays
class Partition:
    """What is known of one partition.

    Of its ``rows`` the champion ``refused`` those that do not fit, ``labelled`` have a label, and
    ``learned`` do not count, as a side may have learned from them. ``why`` says, as Markdown, why
    it is not judged. ``expected`` and ``observed`` are the means of the champion's predictions and
    of the labels.
    """

    name: str
    rows: int
    refused: int
    labelled: int
    learned: int = 0
    challenger: str = ""
    estimate: Estimate | None = None
    look: Look | None = None
    expected: float | None = None
    observed: float | None = None
    why: str = ""


@dataclass(frozen=True)
class Watch:
    """The partitions since a champion was made, the oldest first.

    ``drifts`` are of the ``newest`` one. ``notes`` are Markdown, in which no text of others can do
    anything.
    """

    champion: str
    metric: str
    partitions: list[Partition]
    drifts: list[Drift]
    newest: str
    notes: list[str]

    @cached_property
    def p_values(self) -> list[float | None]:
        """How likely each gain is if both are as good; None where that cannot be judged."""
        return looks.p_values([part.look for part in self.partitions])

    @cached_property
    def levels(self) -> list[float]:
        """What each p-value must not exceed to raise an alarm."""
        return looks.levels(self.p_values)

    @cached_property
    def alarms(self) -> list[bool]:
        """Which partitions raise an alarm."""
        return looks.alarms(self.p_values)

    @cached_property
    def false_alarms(self) -> tuple[float, float]:
        """How often such a past raises an alarm without a reason, and the standard error."""
        return looks.false_alarms([part.look for part in self.partitions])

    @property
    def judged(self) -> list[Partition]:
        """The partitions that could be judged."""
        return [
            part for part, p in zip(self.partitions, self.p_values, strict=True) if p is not None
        ]

    @property
    def stale(self) -> list[Partition]:
        """The partitions that raise an alarm."""
        return [part for part, alarm in zip(self.partitions, self.alarms, strict=True) if alarm]

    @property
    def word(self) -> str:
        """Stale or not, by the newest partition that could be judged; else cannot tell."""
        if not self.judged:
            return "cannot tell"
        return "stale" if self.judged[-1] in self.stale else "not stale"
