"""What DVC 2 has written: hashes of another kind, whose objects lie elsewhere."""

import os
import shutil
from pathlib import Path

import pytest
import zoo
from project import Project, Strata, sources, state
from tiny import forget

pytestmark = pytest.mark.slow

PIPELINE = """
stages:
  train:
    cmd: mkdir -p model && tr -dc '0-9.' < params.yaml > model/weights.txt; echo it > model/b.txt
    deps: [params.yaml]
    outs: [model]
artifacts:
  net: {path: model/weights.txt, type: model}
"""


@pytest.fixture
def old(tmp_path: Path) -> Project:
    """A repository whose locks and cache are as DVC 2 made them, with storage in a folder."""
    files = {"dvc.yaml": PIPELINE, "params.yaml": "lr: 0.5\n"}
    shape = zoo.Shape(files, {"params.yaml": "lr: 0.75\n"})
    project = zoo.create(tmp_path / "project", dict(os.environ), shape)
    lock = project.path / "dvc.lock"
    lines = [line for line in lock.read_text().splitlines() if line.strip() != "hash: md5"]
    lock.write_text("\n".join([*lines, ""]))
    cache = project.path / ".dvc/cache"
    for folder in (cache / "files/md5").iterdir():
        shutil.move(folder, cache / folder.name)
    shutil.rmtree(cache / "files")
    project.run("dvc", "remote", "add", "--default", "store", str(tmp_path / "store"))
    project.commit("As DVC 2 has it")
    return project


def test_a_model_in_a_folder_of_dvc_2_has_a_bundle(
    old: Project, strata: Strata, tmp_path: Path
) -> None:
    strata(old, "bundle", "HEAD", "-o", str(tmp_path / "out"))
    assert (tmp_path / "out/weights.txt").read_text() == "0.75"
    strata(old, "verify-release", str(tmp_path / "out"), code=4)
    strata(old, "get", "HEAD", "model", "-o", str(tmp_path / "model"))
    assert (tmp_path / "model/weights.txt").read_text() == "0.75"
    assert "next: `dvc push`" in strata(old, "status")


def test_what_is_damaged_on_the_remote_is_mended(
    old: Project, strata: Strata, tmp_path: Path
) -> None:
    old.run("dvc", "push", "--quiet")

    def damage() -> None:
        paths = [path for path in (tmp_path / "store").rglob("*") if path.is_file()]
        assert len(paths) == 3
        (path,) = (path for path in paths if path.read_text() == "0.75")
        path.chmod(0o644)
        path.write_text("0.57")

    damage()
    said = strata(old, "status", "--remote")
    assert "1 damaged" in said
    assert "mended from the cache: model" in said
    damage()
    whole = state(old)
    forget(old)
    shutil.rmtree(old.path / "model")
    assert sources(strata(old, "restore", "HEAD"))["model"] == "rebuilt"
    assert state(old) == whole
    assert "0 damaged" in strata(old, "status", "--remote")
