"""The metrics as a Markdown table, which a terminal and a code host both show."""

from typing import Any

from scores import METRICS

TITLES = {
    "roc_auc": "ROC AUC",
    "average_precision": "average precision",
    "log_loss": "log loss",
    "brier": "Brier score",
}


def table(report: dict[str, dict[str, Any]]) -> str:
    """Render metrics.json: a row a metric; for each split its figure ± standard error, and the
    dummy's figure beside it."""
    splits = list(report)
    header = ["metric"] + [title for name in splits for title in (name, "dummy")]
    rows = [
        [TITLES[metric]]
        + [
            cell
            for name in splits
            for cell in (
                f"{figure(report[name][metric])} ± {figure(report[name][metric + '_se'])}",
                figure(report[name]["dummy"][metric]),
            )
        ]
        for metric in METRICS
    ]
    rows.append(["base rate"] + [c for n in splits for c in (figure(report[n]["base_rate"]), "")])
    rows.append(["flights"] + [c for n in splits for c in (f"{report[n]['n']:,}", "")])
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    rule = ["-" * width for width in widths]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in (header, rule, *rows)
    ]
    return (
        "Metrics of this commit's model, with standard errors by resampling whole days. "
        "The stage `evaluate` writes this file.\n\n" + "\n".join(lines) + "\n"
    )


def figure(value: float | None) -> str:
    """Three decimals; a metric that does not exist is a dash."""
    return "–" if value is None else f"{value:.3f}"
