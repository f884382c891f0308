"""The metrics as a Markdown table, which a terminal and a code host both show."""

from typing import Any

BASELINES = ("dummy", "baseline")


def table(report: dict[str, dict[str, Any]], metrics: dict[str, str]) -> str:
    """Render metrics.json: what the file is, and its figures."""
    useless = [name for name, split in report.items() if not split["better_than_dummy"]]
    warning = f"**No better than a dummy on {' and '.join(useless)}.** " if useless else ""
    return (
        f"{warning}Metrics of this commit's model, with standard errors by resampling blocks of "
        f"rows. The stage `evaluate` writes this file.\n\n{figures(report, metrics)}\n"
    )


def figures(report: dict[str, dict[str, Any]], metrics: dict[str, str]) -> str:
    """A row a metric, by its title; for each split its figure ± standard error and the figures of
    the baselines."""
    header = ["metric"] + [title for name in report for title in (name, *BASELINES)]
    rows = [
        [title] + [cell for split in report.values() for cell in cells(split, name)]
        for name, title in metrics.items()
    ]
    empty = [""] * len(BASELINES)
    if all("base_rate" in split for split in report.values()):
        shares = [figure(split["base_rate"]) for split in report.values()]
        rows.append(["base rate"] + [cell for share in shares for cell in (share, *empty)])
    counts = [f"{split['n']:,}" for split in report.values()]
    rows.append(["rows"] + [cell for count in counts for cell in (count, *empty)])
    return grid(header, rows)


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
