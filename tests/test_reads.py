"""What keeps dvc.yaml true of data: each stage makes the same where there is only what it declares.

A file that a stage reads and does not declare could change, and no stage would be stale. And each
partition is made of its own inputs alone: of one that it reads and does not list, it would be taken
from memory (kit/base/reuse.py) when that has changed. tests/test_structure.py looks after the code.
"""

import contextlib
import importlib
import shutil
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import pandas as pd
import pytest
from conftest import Project
from ruamel.yaml import YAML

from kit import base
from kit.base import build, write
from kit.base.reuse import files_beside, files_of

pytestmark = pytest.mark.slow

# On which no stage depends but its own: they cannot change a value.
CONTRACT = ("src/params.py", "src/kit/params.py")
Call = tuple[str, Path, list[str], Callable[[str], pd.DataFrame], Callable[[str], list[Path]]]


def stages_of(root: Path) -> dict[str, Any]:
    return dict(YAML(typ="safe", pure=True).load(root / "dvc.yaml")["stages"])


def copied(paths: Iterable[str | Path], root: Path, folder: Path) -> Path:
    """A folder with just these files and folders of another."""
    folder.mkdir(parents=True)
    for file in (file for path in paths for file in files_of(root / path)):
        to = folder / file.relative_to(root)
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, to)
    return folder


def content(path: Path) -> dict[Path, bytes]:
    return {file.relative_to(path): file.read_bytes() for file in files_of(path)}


def differing(project: Project, stage: dict[str, Any], folder: Path) -> list[str]:
    """The outputs of a stage that are others where there is only what it declares."""
    given = {*stage["deps"], *CONTRACT, *(["params.yaml"] if "params" in stage else [])}
    replace(project, path=copied(given, project.path, folder)).run(*stage["cmd"].split())
    said = [out for kind in ("outs", "metrics", "plots") for out in stage.get(kind, [])]
    outs = [next(iter(out)) if isinstance(out, dict) else out for out in said]
    return [out for out in outs if content(project.path / out) != content(folder / out)]


def wrong_partitions(call: Call, stage: dict[str, Any], root: Path, folder: Path) -> list[str]:
    """The partitions that are others where there are only the inputs that they list, and what the
    stage declares and no partition lists. ``call`` has the arguments of
    build_partitions."""
    _, out, names, rule, inputs = call
    with contextlib.chdir(root):
        own = {name: [file for path in inputs(name) for file in files_of(path)] for name in names}
        shared = files_beside(stage, {file for files in own.values() for file in files})
    wrong = []
    for name in names:
        with contextlib.chdir(copied([*own[name], *shared], root, folder / name)):
            try:
                write(Path("built"), rule(name))
            except Exception as error:
                wrong.append(f"{name}: {error}")
                continue
            if Path("built").read_bytes() != (root / out / f"{name}.parquet").read_bytes():
                wrong.append(f"{name} is another")
    return wrong


def test_each_stage_makes_the_same_of_what_it_declares(project: Project, tmp_path: Path) -> None:
    for name, stage in stages_of(project.path).items():
        assert not differing(project, stage, tmp_path / name), name


def builds_of(module: Any, root: Path) -> list[Call]:
    """How a stage would have its partitions built; of one that builds none, no call."""
    if "build_" not in Path(module.__file__).read_text(encoding="utf-8"):
        return []
    with contextlib.chdir(root), contextlib.ExitStack() as stack:
        asked = mock.Mock(return_value="")
        for place in (build, base, module):  # whichever way it was imported
            stack.enter_context(mock.patch.object(place, "build_partitions", asked, create=True))
        module.main()
    return [call.args for call in asked.call_args_list]


def test_each_partition_is_the_same_of_the_inputs_it_lists(
    project: Project, tmp_path: Path
) -> None:
    for name, stage in stages_of(project.path).items():
        module = importlib.import_module(Path(stage["cmd"].split()[-1]).stem)
        for number, call in enumerate(builds_of(module, project.path)):
            folder = tmp_path / f"{name}-{number}"
            assert not wrong_partitions(call, stage, project.path, folder)
