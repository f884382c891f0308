"""The contract of params.yaml: a section a stage, with the keys, types and ranges of its own.

In:  params.yaml, written by hand or by ``dvc exp run -S``.
Out: data/params.ok, always the same line: that the whole file keeps the contract.

The other sections are in kit/params.py; a subclass here may add to one. Neither file changes a
value, so a new knob makes its own stage stale and no other.
"""

from typing import Annotated

from pydantic import Field

from kit import params
from kit.base import run
from kit.params import Count, Month, Positive, Section


class Ingest(Section):
    through: Month


class Prepare(Section):
    late_minutes: Count
    weather_lag_hours: Annotated[int, Field(ge=1, le=24)]
    max_wind_mph: Positive


class Featurize(Section):
    holiday_window_days: Count


class Params(params.Params):
    ingest: Ingest
    prepare: Prepare
    featurize: Featurize


if __name__ == "__main__":
    run("params", lambda: params.keep_contract(Params))
