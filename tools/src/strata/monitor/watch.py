"""What a monitor has found: each partition, and which of them raise an alarm."""

from dataclasses import dataclass
from functools import cached_property

from strata.compare.verdict import Estimate
from strata.monitor import looks
from strata.monitor.drift import Drift
from strata.monitor.looks import YEAR, Look

SIGNS = {  # of a champion that is stale, and what the partitions with it are called
    "beaten": "Beaten by a newer model",
    "fallen": "Worse than where it was accepted",
    "useless": "Worse than a dummy",
}


@dataclass(frozen=True, eq=False)  # it holds arrays
class Partition:
    """What is known of one partition.

    Of its ``rows`` the champion ``refused`` those that do not fit, ``labelled`` have a label, and
    ``learned`` do not count, as a side may have learned from them. ``accepted``: the champion held
    it out when it was made. ``challenger`` is the other side, ``last`` the newest partition that
    this has learned from. ``why`` says, as Markdown, why it is not judged by one.
    ``skill`` is by how much the champion's metric is better than a dummy's, ``own`` what of it
    each block speaks for, with the other sign.
    ``expected`` and ``observed`` are the means of the champion's predictions and of the labels.
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
    accepted: bool = False
    last: str = ""
    skill: float | None = None
    own: Look | None = None


@dataclass(frozen=True)
class Sign:
    """How likely each partition's figures are if all is well, None where that cannot be judged."""

    p_values: list[float | None]

    @cached_property
    def levels(self) -> list[float]:
        """What each p-value must not exceed to raise an alarm."""
        return looks.levels(self.p_values)

    @cached_property
    def alarms(self) -> list[bool]:
        """Which partitions raise an alarm."""
        return looks.alarms(self.p_values)

    @property
    def newest(self) -> int | None:
        """The newest partition that could be judged."""
        return next((at for at, p in reversed([*enumerate(self.p_values)]) if p is not None), None)


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
    def signs(self) -> dict[str, Sign]:
        """Each of SIGNS."""
        own = [part.own for part in self.partitions]
        accepted = sum(part.accepted for part in self.partitions)
        past: list[float | None] = [None] * len(own)
        if accepted:
            past = looks.p_values(own, accepted)
        return {
            "beaten": Sign(looks.p_values([part.look for part in self.partitions])),
            "fallen": Sign(past),
            "useless": Sign(looks.p_values(own, alone=True)),
        }

    @cached_property
    def false_alarms(self) -> tuple[float, float] | None:
        """How often ten years of such a past call the champion beaten without a reason, and the
        standard error; None if the past is shorter than two years."""
        return looks.false_alarms([part.look for part in self.partitions])

    def alarms(self, at: int) -> list[str]:
        """Which signs raise an alarm at a partition."""
        return [name for name, sign in self.signs.items() if sign.alarms[at]]

    def stale(self, sign: str) -> list[Partition]:
        """The partitions at which a sign raises an alarm."""
        alarms = self.signs[sign].alarms
        return [part for part, alarm in zip(self.partitions, alarms, strict=True) if alarm]

    @property
    def judged(self) -> list[Partition]:
        """The partitions at which a challenger could be judged."""
        values = self.signs["beaten"].p_values
        return [part for part, p in zip(self.partitions, values, strict=True) if p is not None]

    @property
    def is_short(self) -> bool:
        """Whether a season cannot be told from a change: less than a year could be judged."""
        return 0 < len(self.judged) < YEAR

    @property
    def word(self) -> str:
        """Stale, if a sign says so at the newest partition that it could judge; not stale, if none
        does and there was a challenger; else cannot tell."""
        if any(sign.alarms[sign.newest] for sign in self.signs.values() if sign.newest is not None):
            return "stale"
        return "not stale" if self.judged else "cannot tell"
