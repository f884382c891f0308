"""Run the pipeline as ``dvc repro`` does, its stages as forks of one warm Python."""

import argparse
import os
import tempfile
from pathlib import Path

from strata import git
from strata.dvc.revision import Revision
from strata.dvc.store import opened, run_dvc
from strata.restore.checkout import check_braces
from strata.warm import Warm


def run(args: argparse.Namespace) -> int:
    """Run ``dvc repro``; its exit code."""
    root = git.top()
    check_braces(root)
    with opened(root) as store:
        stages = Revision(store, None).stages.values()
    with tempfile.TemporaryDirectory(prefix="strata-", ignore_cleanup_errors=True) as folder:
        warm = Warm(root, stages, Path(folder))
        os.environ.update(warm.environment)
        try:
            return run_dvc(["repro", *args.arguments])
        finally:
            warm.close()
