"""What the monitor found, in Markdown."""

from strata.core.charts import Chart, mermaid, picture
from strata.core.markdown import code, table, term
from strata.monitor.looks import FIRST, WINDOW
from strata.monitor.watch import Watch

MOVED = 8  # inputs that are listed
SIDES = ("champion", "challenger")


def document(watch: Watch, *, pictures: bool = False) -> list[tuple[str, str]]:
    """The parts of the whole page, each with its heading: the answer first."""
    parts = [
        f"## Monitor: {headline(watch)}",
        summary(watch),
        chart(watch, pictures=pictures),
        rows(watch),
        false_alarms(watch),
        drift(watch),
        *watch.notes,
    ]
    return [("", "\n\n".join(filter(None, parts)))]


def headline(watch: Watch) -> str:
    """The answer, and of which partition."""
    champion = code(watch.champion)
    if watch.word == "cannot tell":
        return f"not enough data to judge whether {champion} is stale"
    stale = watch.word == "stale"
    since = f", first in {term(watch.stale[0].name)}" if stale else ""
    return f"{champion} is {watch.word} in {term(watch.judged[-1].name)}{since}"


def summary(watch: Watch) -> str:
    """When it was beaten, and through when that could be judged."""
    if not watch.judged:
        return " ".join(unjudged(watch)) or "No data has come since."
    stale = ", ".join(term(part.name) for part in watch.stale)
    text = f"Beaten beyond noise in {stale}." if stale else "Never beaten beyond noise."
    if watch.judged[-1] is not watch.partitions[-1]:
        text += f" Judged through {term(watch.judged[-1].name)}."
    return " ".join([text, *unjudged(watch)])


def unjudged(watch: Watch) -> list[str]:
    """Which partitions could not be judged, and why."""
    reasons: dict[str, list[str]] = {}
    for part in watch.partitions:
        if part not in watch.judged:
            reasons.setdefault(part.why or "too few blocks of rows", []).append(term(part.name))
    return [f"Not judged: {', '.join(names)} ({why})." for why, names in reasons.items()]


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
    lines = []
    for part, p, level, alarm in zip(
        watch.partitions, watch.p_values, watch.levels, watch.alarms, strict=True
    ):
        if part.estimate is None:
            continue
        before, after, gain, interval = part.estimate.figures
        means = "" if part.expected is None else f"{part.expected:.3g} / {part.observed:.3g}"
        lines.append(
            [
                term(part.name),
                f"{part.rows:,}",
                f"{part.refused / part.rows:.1%}" if part.rows else "–",
                f"{before} → {after}",
                f"{gain} ({interval})" if interval else gain,
                means,
                "–" if p is None else f"{p:.2g} / {level:.2g}",
                "**stale**" if alarm else "cannot tell" if p is None else "no",
            ]
        )
    header = ["partition", "rows", "refused", "champion → challenger", "gain, 95% interval"]
    header += ["expected / observed", f"p of {WINDOW} / its level", "stale"]
    return table(header, lines, 1000)


def false_alarms(watch: Watch) -> str:
    """How often such a past would raise a false alarm, as measured."""
    if not watch.judged:
        return ""
    rate, error = watch.false_alarms
    return (
        f"If champion and challenger were as good, some partition of such a past would be called "
        f"stale in {rate:.1%} ± {1.96 * error:.1%} of cases, as measured by exchanging them in "
        f"half of the blocks at random. At most {FIRST:.1%} is meant, however often one looks."
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
