"""What the monitor found, in Markdown."""

from strata.core.charts import Chart, mermaid, picture
from strata.core.markdown import code, figure, table, term
from strata.monitor.looks import FIRST, WINDOW
from strata.monitor.watch import Watch

MOVED = 8  # inputs that are listed
NAMES = ("champion", "challenger")


def document(found: Watch, *, pictures: bool = False) -> list[tuple[str, str]]:
    """The parts of the whole page, each with its heading: the answer first."""
    parts = [
        f"## Monitor: {headline(found)}",
        summary(found),
        drawn(found, pictures=pictures),
        rows(found),
        surely(found),
    ]
    parts += [moved(found), *found.notes]
    return [("", "\n\n".join(filter(None, parts)))]


def drawn(found: Watch, *, pictures: bool) -> str:
    """The metric of both, partition by partition."""
    known = [each for each in found.partitions if each.estimate]
    if len(known) < 2:
        return ""
    best = [each.estimate for each in known if each.estimate]
    sides = [each.before for each in best], [each.after for each in best]
    names = [each.name for each in known]
    chart = Chart(found.metric, "partition", found.metric, names, *sides, NAMES)
    return (picture if pictures else mermaid)(chart)


def headline(found: Watch) -> str:
    champion = code(found.champion)
    if found.word == "cannot tell":
        return f"nobody can tell whether {champion} is stale"
    first = next((at for at, alarm in enumerate(found.alarms) if alarm), None)
    since = f", first in {term(found.partitions[first].name)}" if first is not None else ""
    newest = term(found.partitions[found.judged[-1]].name)
    return f"{champion} is {found.word} in {newest}{since if found.word == 'stale' else ''}"


def summary(found: Watch) -> str:
    """When it was beaten, and through when that could be judged."""
    if not found.judged:
        return " ".join(unjudged(found)) or "No data has come since."
    beaten = [
        term(each.name) for each, alarm in zip(found.partitions, found.alarms, strict=True) if alarm
    ]
    said = (
        f"Beaten beyond noise in {', '.join(beaten)}." if beaten else "Never beaten beyond noise."
    )
    if found.judged[-1] + 1 < len(found.partitions):
        said += f" Judged through {term(found.partitions[found.judged[-1]].name)}."
    return " ".join([said, *unjudged(found)])


def unjudged(found: Watch) -> list[str]:
    """Which partitions could not be judged, and why."""
    whys: dict[str, list[str]] = {}
    for each, p in zip(found.partitions, found.p_values, strict=True):
        if p is None:
            whys.setdefault(each.why or "too few blocks of rows", []).append(term(each.name))
    return [f"Not judged: {', '.join(names)} ({why})." for why, names in whys.items()]


def rows(found: Watch) -> str:
    """A line a partition."""
    lines = []
    for each, p, level, alarm in zip(
        found.partitions, found.p_values, found.levels, found.alarms, strict=True
    ):
        refused = f"{each.refused / each.rows:.1%}" if each.rows else "–"
        if each.estimate is None:
            continue
        best = each.estimate
        size = max(abs(best.before), abs(best.after))
        gain = figure(best.difference, True, size)
        if best.interval:
            gain += " (" + " to ".join(figure(end, True, size) for end in best.interval) + ")"
        sides = f"{figure(best.before, scale=size)} → {figure(best.after, scale=size)}"
        known = each.expected is not None
        calibrated = f"{each.expected:.3g} / {each.observed:.3g}" if known else ""
        said = "**stale**" if alarm else "cannot tell" if p is None else "no"
        surely = f"{p:.2g} / {level:.2g}" if p is not None else "–"
        first = [term(each.name), f"{each.rows:,}", refused]
        lines.append([*first, sides, gain, calibrated, surely, said])
    header = ["partition", "rows", "refused", "champion → challenger", "gain, 95% interval"]
    header += ["expected / observed", f"p of {WINDOW} / its level", "stale"]
    return table(header, lines, 1000) if lines else ""


def surely(found: Watch) -> str:
    """How often such a past would raise a false alarm, as measured."""
    if not found.judged:
        return ""
    rate, error = found.false_alarms
    return (
        f"If champion and challenger were as good, some partition of such a past would be called "
        f"stale in {rate:.1%} ± {1.96 * error:.1%} of cases, as measured by exchanging them in "
        f"half of the blocks at random. At most {FIRST:.1%} is meant, however often one looks."
    )


def moved(found: Watch) -> str:
    """The inputs that have moved most; shown, and deciding nothing."""
    if not found.drifts:
        return ""
    lines = [
        [
            code(each.name),
            f"{each.moved:.2f}",
            f"{each.missing[0]:.1%} → {each.missing[1]:.1%}",
            "" if each.new is None else f"{each.new:.1%}",
        ]
        for each in found.drifts[:MOVED]
    ]
    lead = (
        f"Inputs of {term(found.drifted)} against those that the champion learned from: how far "
        "each has moved, from 0 to 1. This decides nothing."
    )
    return lead + "\n\n" + table(["input", "moved", "missing", "new categories"], lines)
