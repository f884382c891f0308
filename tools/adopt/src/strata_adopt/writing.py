"""The files of an adopted project that know its data: code, params, tests and words."""

import io
import re
import shlex
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
from ruamel.yaml import YAML

from strata.core.errors import Fault
from strata.core.markdown import code
from strata.core.texts import counted, inert
from strata_adopt.code import checks, conversions, is_plain, literal, long_list, samples
from strata_adopt.defaults import defaults
from strata_adopt.plan import PARTITIONS, Field, Plan, periods
from strata_adopt.readings import MISSING

METRICS = {"binary": "roc_auc", "multiclass": "log_loss", "regression": "mean_absolute_error"}
TITLES = {
    "roc_auc": "ROC AUC", "log_loss": "log loss", "mean_absolute_error": "mean absolute error"
}  # fmt: skip
MOST_SLICES = 20  # values of a column
RULES = ("moment", "number", "one_of", "text", "truth", "whole")  # of kit/base/rules.py
READINGS = ("moments", "numbers", "truths", "wholes")  # of kit/base/readings.py
FORMATS = {"csv": ".csv", "json": ".jsonl", "parquet": ".parquet", "excel": ".xlsx"}
KNOWS_DATA = re.compile(r"(.*?)  ingest:\n.*?(  train:\n.*?)plots:\n.*", re.DOTALL)


def render(plan: Plan, root: Path, pipeline: str | None = None) -> dict[str, str]:
    """The texts of the files that know the data, by their paths in the project.

    ``pipeline`` is the text of dvc.yaml whose other stages are kept, by default the project's.
    """
    pipeline = pipeline or (root / "dvc.yaml").read_text(encoding="utf-8")
    env = jinja2.Environment(
        loader=jinja2.PackageLoader("strata_adopt"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    env.filters |= {"py": literal, "yaml": _yaml, "md": _markdown, "code": code, "wrap": _wrap}
    context, query = _context(plan, root.name, pipeline), plan.table.source.query
    texts = {
        name.removesuffix(".jinja"): env.get_template(name).render(context)
        for name in env.list_templates()
        if query or name != "src/query.py.jinja"
    }
    texts["params.yaml"] = as_dvc_writes(texts["params.yaml"])
    return texts | ({"src/query.sql": query.strip() + "\n"} if query else {})


def _context(plan: Plan, title: str, pipeline: str) -> dict[str, Any]:
    """What the templates speak of: the plan and its source, by their own names, and the rest."""
    source, roles = plan.table.source, _roles(plan)
    features = len(plan.of("feature", "free text")) + len(roles["parts"])
    metric, settings = METRICS[plan.task], defaults(plan, features)
    stages = KNOWS_DATA.fullmatch(pipeline)
    if not stages:
        raise Fault("dvc.yaml has no stages ingest and train with plots after them, as adopt needs")
    return {
        **vars(plan),
        **vars(source),
        **roles,
        **_lines(plan, roles),
        "before_ingest": stages[1],
        "train_to_card": stages[2],
        "title": title,
        "artifact": slug(plan.target.name),
        "target_shell": shlex.quote(plan.target.name),
        "rows": plan.rows,
        "all_rows": plan.table.rows,
        "a_partition": PARTITIONS[plan.partition],
        "n_features": features,
        "d": settings,
        "metric": metric,
        "titles": TITLES,
        "swept": _swept(str(settings["model"]), settings),
        "held_out": _held_out(plan),
        "slices": _slices(plan),
        "dictionary": [[_markdown(cell) for cell in field.described] for field in plan.fields],
        "rows_of_test": _rows_of_test(plan),
        "one_file": next(iter(source.files)),
        "two_files": [f"{number}{FORMATS[source.format]}" for number in ("one", "two")],
        "header": f" header={source.options['header']}," if "header" in source.options else "",
        "many_headers": isinstance(source.options.get("header"), list),
        "write_call": _write_call(source.format, source.options),
    }


def _roles(plan: Plan) -> dict[str, Any]:
    """What the columns are, by their names in the pipeline."""
    time, group = plan.one("time"), plan.one("group")
    taken = {field.name for field in plan.fields}

    def free(name: str) -> str:
        while name in taken:
            name += "_"
        taken.add(name)
        return name

    key = [field.name for field in plan.of("key")]
    row = None if key else free("row")
    parts = [part for field in plan.of("time", "feature") for part in _parts(field, plan, free)]
    day = next((part["new"] for part in parts if part["how"].startswith("floor")), None)
    block = (day or time.name) if time else group.name if group else None
    if time and plan.values(time).dt.floor("D").nunique() < 100:
        block = None  # a test of fewer than some ten days
    others = [row, *(field.name for field in plan.of("key", "group", "time")), day]
    return {
        "target": plan.target.name,
        "target_in_source": plan.target.column.name,
        "key": key or [row],
        "row": row,
        "time": time.name if time else None,
        "weight": next((field.name for field in plan.of("weight")), None),
        "not_features": list(dict.fromkeys(filter(None, others))),
        "free_texts": [field.name for field in plan.of("free text")],
        "absent": [field.name for field in plan.fields if field.column.name in plan.table.absent],
        "left_out": plan.of("left out"),
        "not_known": [field.name for field in plan.of("target", "weight")] + [row] * bool(row),
        "parts": parts,
        "gone": [field.name for field in plan.of("feature") if field.kind == "moment"],
        "renamed": {f.column.name: f.name for f in plan.fields if f.column.name != f.name},
        "needed": [field.name for field in plan.of("target", "time") if field.facts.missing],
        "repeated": plan.repeats == "key",
        "last_wins": plan.repeats == "key" and plan.partition != "all",  # over all partitions
        "split_column": time.name if time else group.name if group else None,
        "block": block,
    }


def _lines(plan: Plan, roles: dict[str, Any]) -> dict[str, Any]:
    """The lines of code that go through the columns, and what of the kit they call."""
    csv = plan.table.source.format == "csv"
    checked, read, drawn = checks(plan), conversions(plan), samples(plan)
    texts = [field.name for field in plan.fields if not field.column.native]
    groups = dict(read.groups)
    if texts and not csv:
        groups["TEXTS"] = long_list(texts) if len(texts) > 12 else literal(texts)
    plain = [field for field in plan.of("feature") if field.kind == "number" and is_plain(field)]
    rules = {*_called(RULES, checked.lines), *(["text"] if roles["row"] else [])}
    readings = {*_called(READINGS, read.lines), "choose", *(["texts"] if texts else [])}
    readings |= {"names_of_rows"} if roles["row"] else set()
    in_schema = {names: f"schema.{group}" for group, names in checked.groups.items()}
    return {
        "columns": checked.lines,
        "rules": sorted(rules),
        "schema_groups": checked.groups,
        "groups": groups,
        "conversions": read.lines,
        "readings": sorted(readings),
        "texts": bool(texts),
        "missing": MISSING,
        "steps": _steps(plan, roles),
        "samples": drawn.lines,
        "test_groups": {group: in_schema.get(n, n) for group, n in drawn.groups.items()},
        "number_in_csv": plain[0].column.name if csv and plain else None,
    }


def _called(names: tuple[str, ...], lines: list[str]) -> list[str]:
    """Those of the functions that lines of code call."""
    code = "\n".join(lines)
    return [name for name in names if re.search(rf"\b{name}\(", code)]


def _parts(field: Field, plan: Plan, free: Callable[[str], str]) -> list[dict[str, str]]:
    """The parts of a column of moments that are features, or the day as a block."""
    if field.kind != "moment" or (moments := plan.values(field)).empty:
        return []
    is_time = field.role == "time"
    is_long = (moments.max() - moments.min()).days / 365 > 2
    has_hours = bool((moments.dt.floor("D") != moments).any())
    return [
        {"old": field.name, "new": free(f"{field.name}_{part}"), "how": how}
        for part, how, wanted in (
            ("day", 'floor("D")', has_hours and is_time),
            ("year", "year", is_long and not is_time),
            ("month", "month", is_long),
            ("day_of_week", "day_of_week", True),
            ("hour", "hour", has_hours),
        )
        if wanted
    ]


def _steps(plan: Plan, roles: dict[str, Any]) -> list[str]:
    """The statements of prepare."""
    steps = [f".dropna(subset={literal(roles['needed'])})"] if roles["needed"] else []
    if plan.rare:
        steps.append(f"[~{'kept' if steps else 'raw'}[{literal(plan.target.name)}].isin(RARE)]")
    if plan.repeats == "key":
        steps.append(f'.drop_duplicates({literal(roles["key"])}, keep="last")')
    if plan.repeats == "rows":
        but = f"[name for name in raw if name != {literal(roles['row'])}]" if roles["row"] else ""
        steps.append(f".drop_duplicates({but})")
    lines = [f"kept = {'kept' if at else 'raw'}{step}" for at, step in enumerate(steps)]
    columns = ".drop(columns=schema.LEFT_OUT)" if roles["left_out"] else ""
    return [*lines, f"return {'kept' if lines else 'raw'}{columns}.reset_index(drop=True)"]


def _rows_of_test(plan: Plan) -> int:
    time = plan.one("time")
    months = periods(plan.values(time), "month").nunique() if time else 0
    return max(240, 40 * (len(plan.classes) - len(plan.rare)), 4 * months)


def _write_call(kind: str, options: dict[str, Any]) -> str:
    above = max(np.atleast_1d(options.get("header", 0)))  # rows without a name
    if kind == "csv":
        sep, encoding = literal(options["sep"]), literal(options["encoding"])
        if not above:
            return f"table.to_csv(path, sep={sep}, encoding={encoding}, index=False)"
        rows = f'({sep} * (len(table.columns) - 1) + "\\n") * {above}'
        text = f"{rows} + table.to_csv(sep={sep}, index=False)"
        return f"path.write_text({text}, encoding={encoding})"
    if kind == "json":
        return 'table.to_json(path, orient="records", lines=True)'
    start = f"startrow={above}, " if above else ""
    return f"table.to_{kind}(path, {start}index=False)"


def _swept(model: str, settings: dict[str, Any]) -> str:
    """Four values of a setting that matters, as `strata sweep` takes them."""
    if model == "hist_gradient_boosting":
        return f"train.{model}.max_leaf_nodes=4,8,16,32"
    name = "alpha" if model == "ridge" else "C"
    values = (f"{settings[name] * step:g}" for step in (0.1, 0.3, 3, 10))
    return f"train.{model}.{name}=" + ",".join(values)


def _held_out(plan: Plan) -> str:
    if plan.by == "time":
        newest = f"the newest {counted(int(plan.test), str(plan.period))}"
        return f"The test split is {newest}; nothing of it was trained on."
    if plan.by == "group":
        return f"No {plan.of('group')[0].name} of the test split was trained on."
    return "The test split is of rows at random."


def _slices(plan: Plan) -> list[str]:
    """The columns by whose values the model's card tells how good it is: two of few values."""
    return [
        field.name
        for field in plan.of("feature")
        if field.kind in ("text", "truth") and 1 < len(field.facts.counts or ()) <= MOST_SLICES
    ][:2]


def _markdown(text: str) -> str:
    return re.sub(r"([\\|`<\[])", r"\\\1", inert(" ".join(str(text).split())))


def _wrap(text: str) -> list[str]:
    return textwrap.wrap("".join(char if char.isprintable() else "·" for char in text), 90)


def _yaml(value: Any) -> str:
    """A value as YAML 1.2 writes it on one line."""
    out = io.StringIO()
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style, yaml.width, yaml.allow_unicode = True, 1 << 30, True
    if isinstance(value, str) and value.lower() in ("yes", "no", "on", "off", "y", "n"):
        return f'"{value}"'  # which is a truth to some readers
    yaml.dump([value], out)
    return out.getvalue().strip()[1:-1]


def as_dvc_writes(text: str) -> str:
    """A params.yaml in the form in which `dvc exp run -S` writes it, where a trial changes a line.

    That has lists a line an item, nothing for null, and quotes only where YAML 1.2 needs them.
    """
    yaml, out = YAML(), io.StringIO()
    yaml.default_flow_style = False
    document = yaml.load(text)
    _forget_form(document)
    yaml.dump(document, out)
    return out.getvalue()


def _forget_form(section: Any) -> None:
    """Have values and comments written as if they were new: ruamel.yaml keeps how they came."""
    for key, value in section.items():
        if isinstance(value, dict):
            _forget_form(value)
        elif isinstance(value, list | float):
            section[key] = list(value) if isinstance(value, list) else float(value)
    for _, _, comment, _ in section.ca.items.values():
        if comment:
            comment.column = 0


def slug(name: str) -> str:
    """A name of small letters, digits and hyphens, for what takes no other."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "model"
