"""What the monitor found, in Markdown."""

from strata.core.charts import Chart, mermaid, picture
from strata.core.markdown import code, figure, table, term
from strata.monitor.looks import FIRST, HORIZON, SWING, YEAR
from strata.monitor.watch import SIGNS, Partition, Watch

MOVED = 8  # inputs that are listed
SIDES = ("champion", "challenger")


def document(watch: Watch, *, pictures: bool = False) -> list[tuple[str, str]]:
    """The parts of the whole page, each with its heading: the answer first."""
    parts = [
        f"## Monitor: {headline(watch)}",
        summary(watch),
        chart(watch, pictures=pictures),
        rows(watch),
        certainty(watch),
        drift(watch),
        *watch.notes,
    ]
    return [("", "\n\n".join(filter(None, parts)))]


def headline(watch: Watch) -> str:
    """The answer, and of which partition."""
    champion = code(watch.champion)
    if watch.word == "cannot tell":
        return f"not enough data to judge whether {champion} is stale"
    if watch.word == "not stale":
        return f"{champion} is not stale in {term(watch.judged[-1].name)}"
    alarms = [part for at, part in enumerate(watch.partitions) if watch.alarms(at)]
    return f"{champion} is stale in {term(alarms[-1].name)}, first in {term(alarms[0].name)}"


def summary(watch: Watch) -> str:
    """Which signs there were, and through when a challenger could be judged."""
    if not watch.partitions:
        return "No data has come since."
    said = [f"{text} in {_names(watch.stale(sign))}." for sign, text in SIGNS.items()
            if watch.stale(sign)]  # fmt: skip
    if watch.judged and not watch.stale("beaten"):
        said.append("Never beaten beyond noise.")
    if watch.judged and watch.judged[-1] is not watch.partitions[-1]:
        said.append(f"Judged through {term(watch.judged[-1].name)}.")
    return " ".join([*said, *unjudged(watch)])


def _names(parts: list[Partition]) -> str:
    return ", ".join(term(part.name) for part in parts)


def unjudged(watch: Watch) -> list[str]:
    """Which partitions no challenger could be judged at, and why."""
    reasons: dict[str, list[Partition]] = {}
    for part in watch.partitions:
        if part not in watch.judged:
            few = "one partition, or few blocks of rows, cannot tell"
            reasons.setdefault(part.why or few, []).append(part)
    return [f"Not judged: {_names(parts)} ({why})." for why, parts in reasons.items()]


def chart(watch: Watch, *, pictures: bool) -> str:
    """The metric of both, partition by partition."""
    points = [(part.name, part.estimate) for part in watch.partitions if part.estimate]
    if len(points) < 2:
        return ""
    names = [name for name, _ in points]
    sides = [best.before for _, best in points], [best.after for _, best in points]
    lines = Chart(watch.metric, "partition", watch.metric, names, *sides, SIDES)
    return (picture if pictures else mermaid)(lines)


def rows(watch: Watch) -> str:
    """A line a partition."""
    lines, beaten = [], watch.signs["beaten"]
    for at, part in enumerate(watch.partitions):
        if part.estimate is None and part.skill is None:
            continue
        before, after, gain, interval = part.estimate.figures if part.estimate else [""] * 4
        means = "" if part.expected is None else f"{part.expected:.3g} / {part.observed:.3g}"
        p, alarms = beaten.p_values[at], watch.alarms(at)
        lines.append(
            [
                term(part.name),
                f"{part.rows:,}",
                f"{part.refused / part.rows:.1%}" if part.rows else "–",
                "" if part.skill is None else figure(part.skill, True),
                f"{before} → {after}" if part.estimate else "",
                term(part.last) if part.last else "–",
                f"{gain} ({interval})" if interval else gain,
                means,
                "–" if p is None else f"{p:.2g} / {beaten.levels[at]:.2g}",
                f"**{', '.join(alarms)}**" if alarms else "cannot tell" if p is None else "no",
            ]
        )
    header = ["partition", "rows", "refused", "over a dummy", "champion → challenger"]
    header += ["that learned through", "gain, 95% interval", "expected / observed"]
    return table([*header, "p / its level", "stale"], lines, 1000)


def certainty(watch: Watch) -> str:
    """What the past is too short for, or how often such a one would raise a false alarm."""
    if not watch.judged:
        return ""
    if watch.is_short:
        return (
            f"A change cannot be told from a season yet: {len(watch.judged)} partitions could be "
            f"judged, and {YEAR} make a year. A swing of {SWING:g} standard deviations of a block "
            "is allowed for, a larger one is called stale. An older champion has a longer past: "
            "`strata monitor --champion REV --replay`."
        )
    if watch.false_alarms is None:
        return f"How often such a past raises a false alarm takes {2 * YEAR} partitions to measure."
    rate, error = watch.false_alarms
    return (
        f"{HORIZON} partitions like these, drawn by whole years of this past with its mean taken "
        f"out, call a model beaten that is not in {rate:.1%} ± {error:.1%} of cases. At most "
        f"{FIRST:.1%} is meant."
    )


def drift(watch: Watch) -> str:
    """The inputs that have moved most; shown, and deciding nothing."""
    if not watch.drifts:
        return ""
    lines = [
        [
            code(column.name),
            f"{column.moved:.2f}",
            f"{column.missing[0]:.1%} → {column.missing[1]:.1%}",
            "" if column.new is None else f"{column.new:.1%}",
        ]
        for column in watch.drifts[:MOVED]
    ]
    lead = (
        f"Inputs of {term(watch.newest)} against those that the champion learned from: how far "
        "each has moved, from 0 to 1. This decides nothing."
    )
    return lead + "\n\n" + table(["input", "moved", "missing", "new categories"], lines)
