"""Hashes as DVC writes them."""

import hashlib
import tempfile
from pathlib import Path

import pytest
from dvc.repo import Repo
from hypothesis import given, settings
from hypothesis import strategies as st

from strata.dvc.store import Output, Store, hash_of

NAMES = st.text("abcdefgz0-_é ", min_size=1, max_size=8).map(str.strip).filter(bool)
PATHS = st.lists(NAMES, min_size=1, max_size=2).map("/".join)


def test_what_is_absent_has_no_hash(tmp_path: Path) -> None:
    assert hash_of(tmp_path / "nothing", "md5") is None


@pytest.mark.parametrize(
    ("kind", "content", "hashed"),
    [
        ("md5", b"x" * 3_000_000, b"x" * 3_000_000),
        ("md5", b"a\r\nb", b"a\r\nb"),
        ("md5-dos2unix", b"a\r\nb", b"a\nb"),
    ],
)
def test_a_file_has_the_md5_of_its_bytes(
    tmp_path: Path, kind: str, content: bytes, hashed: bytes
) -> None:
    (tmp_path / "file").write_bytes(content)
    assert hash_of(tmp_path / "file", kind) == hashlib.md5(hashed).hexdigest()


def test_what_dvcignore_leaves_out_of_a_folder(tmp_path: Path) -> None:
    text = "*.tmp\n!keep.tmp\n/data/logs/\n/data/sub/*.x\n"
    names = ["a.txt", "a.tmp", "keep.tmp", "logs/x", "sub/b.x", "sub/deep/b.x", "sub/.git/c", "l/x"]
    for name in names:
        (tmp_path / "data" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "data" / name).write_text(name)
    (tmp_path / ".dvcignore").write_text(text)
    with Repo.init(str(tmp_path), no_scm=True) as repo:
        (stage,) = repo.add(str(tmp_path / "data"))
        found = stage.outs[0].hash_info.value
        store, out = Store(tmp_path, repo), Output("data", found, is_rebuildable=False)
        folder = tmp_path / "data"
        assert hash_of(folder, "md5", tmp_path) == found != hash_of(folder, "md5")
        assert set(store.listing(out)) == {"a.txt", "keep.tmp", "sub/deep/b.x", "l/x"}
        store.check_out(folder, {}, "md5")
    left = {path.name for path in (tmp_path / "data").rglob("*") if path.is_file()}
    assert left == {"a.tmp", "x", "b.x", "c"}


@settings(max_examples=8)
@given(st.dictionaries(PATHS, st.binary(max_size=20), min_size=1, max_size=5))
def test_a_folder_has_the_hash_that_dvc_gives_it_and_is_kept_as_dvc_keeps_it(
    files: dict[str, bytes],
) -> None:
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
            found = stage.outs[0].hash_info.value
            assert hash_of(folder, "md5") == found
            store, out = Store(Path(root), repo), Output("data", found, is_rebuildable=False)
            by_dvc = store.path(found, "md5").read_bytes()
            for path in (Path(root) / ".dvc/cache/files").rglob("*"):
                if path.is_file():
                    path.chmod(0o644)
                    path.unlink()
            assert store.missing(out) == {found}
            store.add(out, Path(root))
            assert store.path(found, "md5").read_bytes() == by_dvc
            assert store.missing(out) == set()
            listed = store.listing(out)
    assert all(hashlib.md5(files[name]).hexdigest() == oid for name, oid in listed.items())
