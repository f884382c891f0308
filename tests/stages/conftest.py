"""Hypothesis: no deadline on a busy machine, and where CI is set the same examples each run."""

import os

from hypothesis import settings

settings.register_profile(
    "strata", deadline=None, max_examples=30, derandomize=bool(os.environ.get("CI"))
)
settings.load_profile("strata")
