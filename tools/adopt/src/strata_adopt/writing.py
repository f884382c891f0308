"""The files of an adopted project that know its data: code, params, tests and words."""

import io
import re
import shlex
import textwrap
from typing import Any

import jinja2
from ruamel.yaml import YAML

from strata.core.markdown import code
from strata.core.texts import inert
from strata_adopt.code import checks, conversions, is_plain, listed, literal, made_up
from strata_adopt.defaults import defaults
from strata_adopt.proposal import Field, Proposal
from strata_adopt.readings import MISSING

METRICS = {"binary": "roc_auc", "multiclass": "log_loss", "regression": "mean_absolute_error"}
TITLES = {
    "roc_auc": "ROC AUC", "log_loss": "log loss", "mean_absolute_error": "mean absolute error"
}  # fmt: skip
MOST_SLICES = 20  # values of a column
RULES = ("moment", "number", "one_of", "text", "truth", "whole")  # of kit/base/rules.py
READINGS = ("moments", "numbers", "truths", "wholes")  # of kit/base/readings.py
FORMATS = {"csv": ".csv", "json": ".jsonl", "parquet": ".parquet", "excel": ".xlsx"}


def written(made: Proposal, name: str) -> dict[str, str]:
    """The texts of the files that know the data, by path; ``name`` is the project's."""
    context = _context(made, name)
    env = jinja2.Environment(
        loader=jinja2.PackageLoader("strata_adopt"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    env.filters |= {
        "py": literal,
        "yaml": _yaml,
        "md": _markdown,
        "code": code,
        "wrapped": _wrapped,
    }
    names = [name.removesuffix(".jinja") for name in env.list_templates()]
    if not made.table.source.query:
        names.remove("src/query.py")
    found = {name: env.get_template(f"{name}.jinja").render(context) for name in sorted(names)}
    if made.table.source.query:
        found["src/query.sql"] = made.table.source.query.strip() + "\n"
    return found


def _context(made: Proposal, name: str) -> dict[str, Any]:
    """All that the templates speak of."""
    source, known = made.table.source, roles(made)
    features = len(made.of("feature", "free text")) + len(known["parts"])
    metric, model = METRICS[made.task], defaults(made, features)
    one, two = (f"{number}{FORMATS[source.format]}" for number in ("one", "two"))
    return {
        **known,
        **_lines(made, known),
        "title": name,
        "artifact": slug(made.target.name),
        "target_shell": shlex.quote(made.target.name),
        "rows": made.rows,
        "all_rows": made.table.rows,
        "n_features": features,
        "d": model,
        "metric": metric,
        "titles": TITLES,
        "swept": _swept(str(model["model"]), model),
        "split_said": _split_said(made),
        "slices": _slices(made),
        "dictionary": [[_markdown(cell) for cell in each.described] for each in made.fields],
        "remarks": made.remarks,
        "rows_of_test": _rows_of_test(made),
        "one_file": next(iter(source.files)),
        "two_files": [one, two],
        "write_call": _write_call(source.format, source.options),
    }


def roles(made: Proposal) -> dict[str, Any]:
    """What the columns are, by the names that the pipeline gives them, and how rows are split."""
    source, time, group = made.table.source, made.one("time"), made.one("group")
    taken = {each.name for each in made.fields}

    def free(name: str) -> str:
        while name in taken:
            name += "_"
        taken.add(name)
        return name

    key = [each.name for each in made.of("key")]
    row = None if key else free("row")
    parts = [part for each in made.of("time", "feature") for part in _parts(each, made, free)]
    day = next((part["new"] for part in parts if part["how"].startswith("floor")), None)
    block = (day or time.name) if time else group.name if group else None
    if time and made.table.sample[time.column.name].dt.floor("D").nunique() < 100:
        block = None  # a test of fewer than some ten days
    others = [row, *(each.name for each in made.of("key", "group", "time")), day]
    return {
        "task": made.task,
        "target": made.target.name,
        "target_in_source": made.target.column.name,
        "positive": made.positive,
        "key": key or [row],
        "row": row,
        "time": time.name if time else None,
        "weight": next((each.name for each in made.of("weight")), None),
        "not_features": list(dict.fromkeys(filter(None, others))),
        "free_texts": [each.name for each in made.of("free text")],
        "left_out": made.of("left out"),
        "not_known": [each.name for each in made.of("target", "weight")] + [row] * bool(row),
        "parts": parts,
        "gone": [each.name for each in made.of("feature") if each.kind == "moment"],
        "renamed": {e.column.name: e.name for e in made.fields if e.column.name != e.name},
        "needed": [each.name for each in made.of("target", "time") if each.facts.missing],
        "rare": made.rare,
        "repeated": made.repeats == "key",
        "last_wins": made.repeats == "key" and made.partition != "all",  # over all partitions
        "by": made.by,
        "split_column": time.name if time else group.name if group else None,
        "period": made.period,
        "validation": made.validation,
        "test": made.test,
        "block": block,
        "partition": made.partition,
        "format": source.format,
        "options": source.options,
        "query": source.query,
        "url": source.url,
        "variable": source.variable,
    }


def _lines(made: Proposal, known: dict[str, Any]) -> dict[str, Any]:
    """The lines of code that go through the columns, and what of the kit they call."""
    csv = made.table.source.format == "csv"
    checked, read, drawn = checks(made), conversions(made), made_up(made)
    texts = [each.name for each in made.fields if not each.column.native]
    groups = dict(read.groups)
    if texts and not csv:
        groups["TEXTS"] = listed(texts) if len(texts) > 12 else literal(texts)
    plain = [each for each in made.of("feature") if each.kind == "number" and is_plain(each)]
    rules = set(_called(RULES, checked.lines)) | ({"text"} if known["row"] else set())
    readings = {*_called(READINGS, read.lines), "choose", *(["texts"] if texts else [])}
    return {
        "columns": checked.lines,
        "rules": sorted(rules),
        "schema_groups": checked.groups,
        "groups": groups,
        "conversions": read.lines,
        "readings": sorted(readings),
        "texts": bool(texts),
        "missing": MISSING,
        "steps": _steps(made, known),
        "made_up": drawn.lines,
        "test_groups": _shared(drawn.groups, checked.groups),
        "number_in_csv": plain[0].column.name if csv and plain else None,
    }


def _called(names: tuple[str, ...], lines: list[str]) -> list[str]:
    """Those of the functions that lines of code call."""
    code = "\n".join(lines)
    return [name for name in names if re.search(rf"\b{name}\(", code)]


def _shared(groups: dict[str, str], known: dict[str, str]) -> dict[str, str]:
    """Lists of names, those that schema.py has by the name that it gives them."""
    names = {value: name for name, value in known.items()}
    return {n: f"schema.{names[value]}" if value in names else value for n, value in groups.items()}


def _parts(each: Field, made: Proposal, free: Any) -> list[dict[str, str]]:
    """The parts of a column of moments that are features, or the day as a block."""
    if each.kind != "moment":
        return []
    moments = made.table.sample[each.column.name].dropna()
    if moments.empty:
        return []
    years = (moments.max() - moments.min()).days / 365
    timed = (moments.dt.floor("D") != moments).any()
    found = []
    if timed and each.role == "time":
        found.append(("day", 'floor("D")'))
    if years > 2 and each.role != "time":
        found.append(("year", "year"))
    if years > 2:
        found.append(("month", "month"))
    found.append(("day_of_week", "day_of_week"))
    if timed:
        found.append(("hour", "hour"))
    return [{"old": each.name, "new": free(f"{each.name}_{new}"), "how": how} for new, how in found]


def _steps(made: Proposal, known: dict[str, Any]) -> list[str]:
    """The statements of prepare."""
    steps = [f".dropna(subset={literal(known['needed'])})"] if known["needed"] else []
    if made.rare:
        steps.append(f"[~found[{literal(made.target.name)}].isin(RARE)]")
    if made.repeats == "key":
        steps.append(f'.drop_duplicates({literal(known["key"])}, keep="last")')
    if made.repeats == "rows":
        but = f"[name for name in raw if name != {literal(known['row'])}]" if known["row"] else ""
        steps.append(f".drop_duplicates({but})")
    lines = [f"found = {'found' if at else 'raw'}{step}" for at, step in enumerate(steps)]
    if lines:
        lines[0] = lines[0].replace("[~found[", "[~raw[")
    columns = ".drop(columns=schema.LEFT_OUT)" if known["left_out"] else ""
    return [*lines, f"return {'found' if lines else 'raw'}{columns}.reset_index(drop=True)"]


def _rows_of_test(made: Proposal) -> int:
    periods = 0
    if time := made.one("time"):
        moments = made.table.sample[time.column.name].dropna()
        periods = moments.dt.tz_localize(None).dt.to_period("M").nunique()
    return max(240, 40 * (len(made.classes) - len(made.rare)), 4 * periods)


def _write_call(kind: str, options: dict[str, Any]) -> str:
    if kind == "csv":
        sep, encoding = literal(options["sep"]), literal(options["encoding"])
        return f"table.to_csv(path, sep={sep}, encoding={encoding}, index=False)"
    if kind == "json":
        return 'table.to_json(path, orient="records", lines=True)'
    return f"table.to_{kind}(path, index=False)"


def _swept(model: str, d: dict[str, Any]) -> str:
    """Four values of a setting that matters, as `strata sweep` takes them."""
    if model == "hist_gradient_boosting":
        return f"train.{model}.max_leaf_nodes=4,8,16,32"
    name, value = ("alpha", d["alpha"]) if model == "ridge" else ("C", d["C"])
    return f"train.{model}.{name}=" + ",".join(f"{value * step:g}" for step in (0.1, 0.3, 3, 10))


def _split_said(made: Proposal) -> str:
    if made.by == "time":
        return (
            f"The test split is the newest {made.test} {made.period}{'s' * (made.test != 1)}; "
            "nothing of it was trained on."
        )
    if made.by == "group":
        return f"No {made.of('group')[0].name} of the test split was trained on."
    return "The test split is of rows at random."


def _slices(made: Proposal) -> list[str]:
    """The columns by whose values the model's card tells how good it is: two of few values."""
    few = [
        each.name
        for each in made.of("feature")
        if each.kind in ("text", "truth") and 1 < len(each.facts.counts or ()) <= MOST_SLICES
    ]
    return few[:2]


def _markdown(text: str) -> str:
    return re.sub(r"([\\|`<\[])", r"\\\1", inert(" ".join(str(text).split())))


def _wrapped(text: str) -> list[str]:
    plain = "".join(each if each.isprintable() else "·" for each in text)
    return textwrap.wrap(plain, 90)


def _yaml(value: Any) -> str:
    """A value as YAML 1.2 writes it on one line."""
    out = io.StringIO()
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style, yaml.width, yaml.allow_unicode = True, 1 << 30, True
    if isinstance(value, str) and value.lower() in ("yes", "no", "on", "off", "y", "n"):
        return f'"{value}"'  # which is a truth to some readers
    yaml.dump([value], out)
    return out.getvalue().strip()[1:-1]


def slug(name: str) -> str:
    """A name of small letters, digits and hyphens, for what takes no other."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "model"
