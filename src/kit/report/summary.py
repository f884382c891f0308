"""The metrics as a Markdown table, which a terminal and a code host both show."""

from typing import Any

BASELINES = ("dummy", "baseline")


def table(report: dict[str, dict[str, Any]], metrics: dict[str, str]) -> str:
    """Render metrics.json: what the file is, and its figures."""
    return (
        "Metrics of this commit's model, with standard errors by blocks of rows. The stage "
        f"`evaluate` writes this file.\n\n{figures(report, metrics)}\n"
    )


def doubts(split: dict[str, Any], metrics: dict[str, str]) -> list[str]:
    """Each of BASELINES that the model is not shown to be better than, by the first metric.

    It is where the 95% interval of the gain is above 0; below 0 it is worse; across, nobody can
    tell.
    """
    name, title = next(iter(metrics.items()))
    lines = []
    for other in BASELINES:
        low, high = (split[other][f"{name}_gain_{end}"] for end in ("low", "high"))
        if low is None:
            lines.append(f"too few blocks to tell whether it is better than the {other}")
        elif low <= 0:
            word = "worse than" if high < 0 else "not shown to be better than"
            lines.append(f"{word} the {other} by {title}: gain {figure(low)} to {figure(high)}")
    return lines


def figures(report: dict[str, dict[str, Any]], metrics: dict[str, str]) -> str:
    """A row a metric, by its title; for each split its figure ± standard error and the figures of
    the baselines. First what the model is not shown to be better than."""
    why = [f"{name}, {text}" for name, split in report.items() for text in doubts(split, metrics)]
    header = ["metric"] + [title for name in report for title in (name, *BASELINES)]
    rows = [
        [title] + [cell for split in report.values() for cell in cells(split, name)]
        for name, title in metrics.items()
    ]
    counts = {"base rate": "base_rate", "rows": "n", "blocks": "blocks"}
    counts["independent blocks"] = "independent_blocks"
    for title, name in counts.items():
        if all(name in split for split in report.values()):
            values = [count(split[name]) for split in report.values()]
            rows.append([title] + [cell for value in values for cell in (value, "", "")])
    return "\n\n".join([*(f"**On {text}.**" for text in why), grid(header, rows)])


def count(value: float | None) -> str:
    """A count as it is, and anything else as a figure."""
    return f"{value:,}" if isinstance(value, int) else figure(value)


def grid(header: list[str], rows: list[list[str]]) -> str:
    """A table in Markdown, its columns as wide as their widest cell."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    rule = ["-" * width for width in widths]
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in (header, rule, *rows)
    )


def cells(split: dict[str, Any], metric: str) -> list[str]:
    """A metric of the model with its error, and of the baselines."""
    mine = f"{figure(split[metric])} ± {figure(split[metric + '_se'])}"
    return [mine, *(figure(split[name][metric]) for name in BASELINES)]


def figure(value: float | None) -> str:
    """Three decimals, or three digits of a larger value; a metric that does not exist is a dash."""
    if value is None:
        return "–"
    return f"{value:.3f}" if abs(value) < 100 else f"{value:,.0f}"
