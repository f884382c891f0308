"""Hashes as DVC writes them, and what dvc.lock and .dvc files name."""

import hashlib
import tempfile
from pathlib import Path, PurePosixPath

from dvc.repo import Repo
from hypothesis import given, settings
from hypothesis import strategies as st

from strata.outputs import Output, children, hash_of, outputs_in

LOCK = """
schema: '2.0'
stages:
  train:
    cmd: python train.py
    outs:
    - path: models/model.joblib
      hash: md5
      md5: aa
      size: 1
    - path: data
      hash: md5
      md5: bb.dir
"""

NAMES = st.text("abcdefgz0-_é ", min_size=1, max_size=8).map(str.strip).filter(bool)
PATHS = st.lists(NAMES, min_size=1, max_size=2).map("/".join)


def test_a_lock_names_its_outputs_from_its_own_folder() -> None:
    assert outputs_in(LOCK, PurePosixPath("sub"), made=True) == [
        Output("sub/models/model.joblib", "aa", made=True),
        Output("sub/data", "bb.dir", made=True),
    ]


def test_a_dvc_file_names_an_output_that_no_stage_makes() -> None:
    text = "outs:\n- md5: cc\n  path: raw.csv\n  hash: md5\n"
    assert outputs_in(text, PurePosixPath("data"), made=False) == [
        Output("data/raw.csv", "cc", made=False)
    ]
    assert outputs_in("", PurePosixPath(), made=True) == []


def test_what_is_absent_has_no_hash(tmp_path: Path) -> None:
    assert hash_of(tmp_path / "nothing") is None


def test_a_file_has_the_md5_of_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x" * 3_000_000)
    assert hash_of(tmp_path / "file") == hashlib.md5(b"x" * 3_000_000).hexdigest()


@settings(max_examples=8)
@given(st.dictionaries(PATHS, st.binary(max_size=20), min_size=1, max_size=5))
def test_a_folder_has_the_hash_that_dvc_gives_it(files: dict[str, bytes]) -> None:
    with tempfile.TemporaryDirectory() as root:
        folder = Path(root) / "data"
        for name, content in files.items():
            path = folder / name
            if path.exists() or any(parent.is_file() for parent in path.parents):
                continue  # one name is a folder of the other
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        with Repo.init(root, no_scm=True) as repo:
            (stage,) = repo.add(str(folder))
            assert hash_of(folder) == stage.outs[0].hash_info.value
            listing = Path(repo.cache.local.oid_to_path(stage.outs[0].hash_info.value))
            found = children(listing.read_text(encoding="utf-8"))
    assert all(hashlib.md5(files[name]).hexdigest() == oid for name, oid in found.items())
