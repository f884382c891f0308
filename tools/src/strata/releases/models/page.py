"""The history of the models as one HTML page: no script, no network, nothing beside it."""

from typing import Any

import jinja2
from markupsafe import Markup

from strata.core.texts import inert
from strata.core.values import ABSENT
from strata.releases.models.card import rendered
from strata.releases.models.chart import chart
from strata.releases.models.figures import Metric, metric_of, shown
from strata.releases.models.record import Record, Version


def render(record: Record) -> str:
    """The page: each text of the repository's is escaped, and the same record is the same page."""
    env = jinja2.Environment(
        loader=jinja2.PackageLoader("strata.releases.models"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=True,
    )
    env.globals |= {"shown": shown, "value": _value}

    def card(version: Version) -> Markup:
        path, text = version.card or ("", "")
        html = rendered(text, record.prefix + path, version.release.commit, record.forge)
        return Markup(html)

    curves = {name: _curve(record, name) for name in [record.headline, *record.others] if name}
    html = env.get_template("page.html.jinja").render(
        record=record,
        card=card,
        curves={name: curve for name, curve in curves.items() if curve["chart"]},
        released=_released(record),
        unread=[point for point in record.points if point.metrics is None],
    )
    return inert(html, "\n\t")


def _curve(record: Record, name: str) -> dict[str, Any]:
    metrics: list[Metric | None] = [
        None if point.metrics is None else metric_of(point.metrics, name) for point in record.points
    ]
    large = name == record.headline
    drawn = chart(metrics, *((300, 44, 4) if large else (120, 10, 2)))
    return {"chart": drawn, "large": large}


def _released(record: Record) -> dict[str, str]:
    """The releases of each point: of its commit, or of a later one with the same metrics."""
    points, point, points_of = {each.commit.hash for each in record.points}, "", dict[str, str]()
    for commit in record.line:
        point = commit.hash if commit.hash in points else point
        points_of[commit.hash] = point
    names: dict[str, list[str]] = {}
    for model in record.models:
        for version in model.versions[::-1]:
            at = points_of.get(version.release.commit, "")
            names.setdefault(at, []).append(version.release.name)
    return {at: ", ".join(released) for at, released in names.items()}


def _value(value: object) -> str:
    """A param's value, on one line of 80 characters at most."""
    text = "absent" if value is ABSENT else " ".join(str(value).split()) or '""'
    return text if len(text) <= 80 else text[:79] + "…"
