"""One trial of a sweep in a process that stays: two values in params.yaml, two stages."""

import contextlib
import json
import os
import time
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from threadpoolctl import threadpool_limits

import evaluate
import train


def trial(root: Path, values: dict[str, Any]) -> tuple[dict[str, Any], dict[str, float]]:
    """Fit and evaluate with these settings of the boosting; the metrics, and CPU s by stage.

    Works in a folder of this process, with links to the data of ``root``.
    """
    folder = root / f"worker-{os.getpid()}"
    if not folder.exists():
        folder.mkdir()
        (folder / "data").symlink_to(root / "data")
    os.chdir(folder)
    yaml = YAML()
    params = yaml.load((root / "params.yaml").read_text())
    params["train"]["hist_gradient_boosting"].update(values)
    with Path("params.yaml").open("w") as file:
        yaml.dump(params, file)
    cpu = {}
    with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere):
        for stage in (train, evaluate):
            start = time.process_time()
            with threadpool_limits(1, "openmp"):
                stage.main()
            cpu[stage.__name__] = time.process_time() - start
    return json.loads(Path("metrics/metrics.json").read_text()), cpu
