"""What test_reads.py and the memory of partitions rest on: a read that is not declared is found."""

import importlib
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd
import pytest
from conftest import Project
from test_reads import builds_of, differing, wrong_partitions

from kit.base import read, write

CODE = """\
from pathlib import Path
found = sorted(path.name for path in Path("in").iterdir())
Path("out").write_text(" ".join(found))
"""
TABLE = pd.DataFrame({"n": [1]})


@pytest.mark.slow
def test_what_a_stage_reads_and_does_not_declare_is_found(project: Project, tmp_path: Path) -> None:
    root = tmp_path / "root"
    for name in ("a", "b"):
        write(root / f"in/{name}.parquet", TABLE)
    (root / "code.py").write_text(CODE, encoding="utf-8")
    there = replace(project, path=root)
    there.run("python", "code.py")
    stage: dict[str, Any] = {"cmd": "python code.py", "deps": ["code.py", "in"], "outs": ["out"]}
    assert differing(there, stage, tmp_path / "all") == []
    stage["deps"] = ["code.py", "in/a.parquet"]
    assert differing(there, stage, tmp_path / "less") == ["out"]
    stage["deps"] = ["code.py"]
    with pytest.raises(AssertionError, match="FileNotFoundError"):
        differing(there, stage, tmp_path / "none")


def test_an_input_that_a_partition_does_not_list_is_found(tmp_path: Path) -> None:
    root = tmp_path / "root"
    for name in ("in/a", "in/b", "in/c", "out/a", "out/b"):
        write(root / f"{name}.parquet", TABLE)

    def make(name: str) -> pd.DataFrame:
        return pd.concat([read(Path(f"in/{each}.parquet")) for each in ("c", name)]).tail(1)

    def wrong(inputs: Callable[[str], list[Path]], folder: str) -> list[str]:
        call = ("stage", Path("out"), ["a", "b"], make, inputs)
        return wrong_partitions(call, {"deps": ["in"]}, root, tmp_path / folder)

    assert wrong(lambda name: [Path(f"in/{name}.parquet")], "all") == []  # all see what none lists
    listed = {"a": [Path("in/a.parquet"), Path("in/c.parquet")], "b": [Path("in/b.parquet")]}
    (said,) = wrong(lambda name: listed[name], "less")
    assert said.startswith("b: in/c.parquet: not found")


STAGE = """\
from pathlib import Path
{}
def main():
    {}
"""


@pytest.mark.parametrize(
    ("taken", "call"),
    [
        ("from kit.base import build_partitions", "build_partitions('a', {})"),
        ("from kit import base", "base.build_partitions('a', {})"),
        ("from kit.base import build_table", "build_table('a', Path('in'), Path('out'), print)"),
    ],
)
def test_whatever_a_stage_has_built_is_looked_at(
    taken: str, call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "in/a.parquet", TABLE)
    call = call.format("Path('out'), ['a'], print, lambda name: [Path('in/a.parquet')]")
    (tmp_path / "staged.py").write_text(STAGE.format(taken, call), encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "staged", raising=False)
    (found,) = builds_of(importlib.import_module("staged"), tmp_path)
    assert found[:3] == ("a", Path("out"), ["a"])
    assert found[4]("a") == [Path("in/a.parquet")]
    assert not (tmp_path / "out").exists()


def test_a_stage_that_has_nothing_built_is_not_run(tmp_path: Path) -> None:
    (tmp_path / "other.py").write_text("", encoding="utf-8")
    module = ModuleType("other")
    module.__file__ = str(tmp_path / "other.py")
    assert builds_of(module, tmp_path) == []
