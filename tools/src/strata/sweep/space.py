"""The parameters that a sweep varies, in the grammar of hydra, which DVC uses.

``key=a,b`` and ``key=choice(a,b)`` name values, ``key=range(start,stop,step)`` numbers without
``stop``. A search may also draw from ``interval(a,b)``, ``int(interval(a,b))`` and, evenly over
orders of magnitude, ``tag(log,interval(a,b))``. ``key=a`` sets one value for all trials. A file
other than params.yaml stands in front of the key: ``-S other.yaml:key=1,2``.
"""

import difflib
import itertools
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from strata.core.errors import Fault

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

# Of the table of trials, beside the parameters and the metric.
COLUMNS = ("trial", "experiment", "state", "se", "best", "seconds", "error")


@dataclass(frozen=True)
class Dimension:
    """One ``-S``: ``name`` is all that stands before its ``=``.

    ``texts`` are its values as written, or None for an interval; ``sweep`` is Hydra's object.
    """

    name: str
    key: str
    path: str
    texts: tuple[str, ...] | None
    sweep: Any

    @property
    def is_varied(self) -> bool:
        """Whether it has more than one value."""
        return self.texts is None or len(self.texts) > 1


def parse(settings: list[str]) -> list[Dimension]:
    """The dimensions of the settings after ``-S``.

    Raises Fault for one that is not in the grammar, or has no values, and a key named twice.
    """
    dimensions = [_dimension(setting) for setting in settings]
    names = [dimension.name for dimension in dimensions]
    for name in names:
        if names.count(name) > 1:
            raise Fault(f"-S {name} is there twice; name all of its values in one")
    return dimensions


def check(dimensions: list[Dimension], keys_of: Callable[[str], Iterable[str]]) -> None:
    """Raise Fault for a key that its file does not set."""
    for dimension in dimensions:
        if dimension.name.startswith("+"):
            continue  # adds a key
        keys = sections(keys_of(dimension.path))
        if dimension.key not in keys:
            hint = nearest(dimension.key, keys) or f"see {dimension.path}"
            raise Fault(f"{dimension.key} is not a key of {dimension.path}; {hint}")


def nearest(name: str, names: Iterable[str]) -> str:
    """A question for who may have misspelled a name; empty if there is none like it."""
    matches = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    return f"did you mean {matches[0]!r}?" if matches else ""


def sections(keys: Iterable[str]) -> list[str]:
    """Dotted keys together with the sections they stand in, sorted."""
    paths = [key.split(".") for key in keys]
    return sorted({".".join(path[: i + 1]) for path in paths for i in range(len(path))})


def _dimension(setting: str) -> Dimension:
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.core.override_parser.types import IntervalSweep, ValueType
    from hydra.errors import HydraException

    name = setting.partition("=")[0].strip()
    path, colon, _ = name.rpartition(":")
    try:
        override = OverridesParser.create().parse_override(setting.removeprefix(path + colon))
        sweep: Any = override.value()
        texts: tuple[str, ...] | None = None
        if override.is_delete():
            raise Fault(f"-S {setting}: a sweep varies values; take the key away in a commit")
        if getattr(sweep, "shuffle", False):
            raise Fault(f"-S {setting}: leave shuffle() out; a sweep keeps the order of its trials")
        if override.value_type == ValueType.GLOB_CHOICE_SWEEP:
            raise Fault(f"-S {setting}: glob() is for files of hydra; name the values")
        if override.is_sweep_override() and not isinstance(sweep, IntervalSweep):
            texts = tuple(override.sweep_string_iterator())
            if not texts:
                raise Fault(f"-S {setting}: has no values; in range(start,stop) stop is left out")
        elif not isinstance(sweep, IntervalSweep):
            texts = (setting.partition("=")[2],)
        elif not _rises(sweep):
            raise Fault(f"-S {setting}: an interval goes up, and a log interval from above 0")
    except HydraException as error:
        lines = str(error).splitlines()
        raise Fault(f"-S {setting}: not understood: {lines[min(1, len(lines) - 1)]}") from None
    return Dimension(name, override.key_or_group, path or "params.yaml", texts, sweep)


def _rises(interval: Any) -> bool:
    positive = interval.start > 0 or "log" not in interval.tags
    return bool(interval.start < interval.end and positive)


def grid(dimensions: list[Dimension]) -> list[dict[str, str]]:
    """Every combination of the values, the last parameter changing fastest, as DVC orders them.

    Raises Fault for an interval, which has no end of values.
    """
    for dimension in dimensions:
        if dimension.texts is None:
            raise Fault(f"-S {dimension.name}: an interval is for a search; add --trials N")
    names = [dimension.name for dimension in dimensions]
    values = [dimension.texts or () for dimension in dimensions]
    return [dict(zip(names, point, strict=True)) for point in itertools.product(*values)]


def distributions(dimensions: list[Dimension], search: bool) -> "dict[str, BaseDistribution]":
    """What Optuna is to draw from; in a grid, the values as written."""
    return {dimension.name: _distribution(dimension, search) for dimension in dimensions}


def _distribution(dimension: Dimension, search: bool) -> "BaseDistribution":
    from hydra.core.override_parser.types import RangeSweep
    from optuna.distributions import (
        CategoricalDistribution,
        FloatDistribution,
        IntDistribution,
    )

    sweep, texts = dimension.sweep, dimension.texts
    if texts is None:
        kind = IntDistribution if isinstance(sweep.start, int) else FloatDistribution
        return kind(sweep.start, sweep.end, log="log" in sweep.tags)
    if search and isinstance(sweep, RangeSweep) and sweep.step > 0 and len(texts) > 1:
        if isinstance(sweep.start, int) and isinstance(sweep.step, int):
            return IntDistribution(int(texts[0]), int(texts[-1]), step=sweep.step)
        return FloatDistribution(float(texts[0]), float(texts[-1]), step=sweep.step)
    return CategoricalDistribution(texts)


def overrides(point: Mapping[str, Any]) -> list[str]:
    """A trial's parameters as ``dvc exp run -S`` takes them."""
    return [f"{name}={value}" for name, value in point.items()]


def short(names: list[str]) -> dict[str, str]:
    """A column's name for each key: its last part, or all of it where two would be the same."""
    last = [name.rpartition(".")[2] for name in names]
    columns = {
        name: end if [*last, *COLUMNS].count(end) == 1 else re.sub("[.:]", "_", name)
        for name, end in zip(names, last, strict=True)
    }
    return {name: f"{end}_" if end in COLUMNS else end for name, end in columns.items()}
