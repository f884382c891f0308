"""What is remembered of partitions: whatever happened before, the bytes are those of a cold run."""

import functools
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pandera.pandas as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kit.base import Fault, build_partitions, build_table, processes, read, reuse, write
from kit.base.reuse import Memory, digest, files_of

DVC_YAML = """\
stages:
  double:
    cmd: python double.py
    deps: [code.py, requirements.lock, raw, tables]
    params: [double]
    outs: [doubled]
"""
RAW, DOUBLED, EXTRA = Path("raw"), Path("doubled"), Path("tables/more/extra.txt")


def inputs(name: str) -> list[Path]:
    """A partition, and the one before it if there is any."""
    number = int(name.removeprefix("p"))
    return [RAW / f"{name}.parquet", *[p for p in [RAW / f"p{number - 1}.parquet"] if p.exists()]]


def double(name: str, factor: int) -> pd.DataFrame:
    with Path("made.txt").open("a", encoding="utf-8") as file:
        file.write(name + "\n")
    if name == "p9":
        raise Fault("p9 is out of the question")
    if name == "p8":
        os.kill(os.getpid(), signal.SIGKILL)
    return pd.concat([read(path) for path in inputs(name)]) * factor + int(EXTRA.read_text())


def made() -> list[str]:
    """The partitions that were computed since this was asked last."""
    note = Path("made.txt")
    found = note.read_text(encoding="utf-8").split() if note.exists() else []
    note.unlink(missing_ok=True)
    return sorted(found)


def run(factor: int = 2, commits: bool = True) -> dict[str, bytes]:
    """Run the stage as DVC does: without the old outputs, and with the new ones in its cache."""
    shutil.rmtree(DOUBLED, ignore_errors=True)
    Path("params.yaml").write_text(f"double: {factor}\n", encoding="utf-8")
    names = sorted(path.stem for path in RAW.glob("*.parquet"))
    build_partitions("double", DOUBLED, names, functools.partial(double, factor=factor), inputs)
    for path in DOUBLED.iterdir() if commits else ():
        oid = digest(path, "md5")
        stored = Path(".dvc/cache/files/md5") / oid[:2] / oid[2:]
        stored.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, stored)
    return {path.name: path.read_bytes() for path in DOUBLED.iterdir()}


def put(name: str, value: int) -> None:
    write(RAW / f"{name}.parquet", pd.DataFrame({"n": [value]}))


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with three partitions, in the current folder."""
    monkeypatch.chdir(tmp_path)
    begin()
    return tmp_path


def begin() -> None:
    Path(".dvc").mkdir()
    for name, text in {"dvc.yaml": DVC_YAML, "code.py": "", "requirements.lock": ""}.items():
        Path(name).write_text(text, encoding="utf-8")
    EXTRA.parent.mkdir(parents=True)
    EXTRA.write_text("0", encoding="utf-8")
    for number in range(3):
        put(f"p{number}", number)


def test_only_what_is_new_or_changed_is_computed(here: Path) -> None:
    first = run()
    assert made() == ["p0", "p1", "p2"]
    assert run() == first
    assert made() == []
    put("p3", 3)
    run()
    assert made() == ["p3"]
    put("p1", 7)  # which p2 reads as well
    run()
    assert made() == ["p1", "p2"]
    (RAW / "p3.parquet").unlink()
    put("p1", 1)
    assert run() == first
    assert made() == []


@pytest.mark.parametrize(
    "change",
    [
        lambda: Path("code.py").write_text("pass"),
        lambda: Path("requirements.lock").write_text("pandas==4"),
        lambda: os.environ.update(RECOMPUTE="1"),
        lambda: shutil.rmtree(".dvc/cache/partitions"),
        lambda: shutil.rmtree(".dvc/cache/files"),
        lambda: [path.write_text("{") for path in Path(".dvc/cache/partitions").iterdir()],
        lambda: [path.write_bytes(b"") for path in Path(".dvc/cache/files").glob("*/*/*")],
        lambda: Path("tables/new.txt").write_text("1"),
        lambda: (RAW / "no partition's").write_text("1"),
        lambda: Path("dvc.yaml").write_text(DVC_YAML.replace("code.py", "'${code}'")),
        lambda: Path("dvc.yaml").write_text(DVC_YAML.replace("code.py", "gone.py")),
        lambda: Path("dvc.yaml").write_text(DVC_YAML.replace("double.py", "double.py --fast")),
        lambda: Path("dvc.yaml").write_text(DVC_YAML + "    always_changed: true\n"),
    ],
    ids=[
        *("code", "pins", "a proof", "no memory", "no cache", "half a memory", "bad cache"),
        *("a dep's file", "a file of none", "vars", "no dep", "command", "a key of another sense"),
    ],
)  # fmt: skip
def test_all_is_computed_again_where_it_has_to_be(
    here: Path, change: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RECOMPUTE", raising=False)
    first = run()
    made()
    assert callable(change)
    change()
    assert run() == first
    assert made() == ["p0", "p1", "p2"]
    os.environ.pop("RECOMPUTE", None)


def test_an_edit_in_a_folder_that_the_stage_depends_on_is_another_result(here: Path) -> None:
    first = run()
    made()
    EXTRA.write_text("7", encoding="utf-8")
    second = run()
    assert made() == ["p0", "p1", "p2"]
    assert second != first
    EXTRA.write_text("0", encoding="utf-8")
    Path("tables/__pycache__").mkdir()
    Path("tables/__pycache__/x.pyc").write_bytes(b"of Python's own")
    assert run() == first
    assert made() == []


def test_a_folder_as_the_input_of_a_partition_counts_with_all_its_files(here: Path) -> None:
    run()  # which writes params.yaml
    folder = RAW / "p0"
    folder.mkdir()
    keys = []
    for text in ("1", "2"):
        (folder / "one.txt").write_text(text, encoding="utf-8")
        keys.append(Memory("double", set(files_of(folder))).key("p0", [folder]))
    assert keys[0] != keys[1]
    assert Memory("double", set()).key("p0", [RAW / "gone"]) not in keys


def test_another_param_is_another_result_and_the_first_one_is_still_known(here: Path) -> None:
    first = run()
    assert run(factor=3) != first
    made()
    assert run() == first
    assert made() == []


def test_clones_that_share_a_cache_share_what_is_known(
    here: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = run()
    other = tmp_path_factory.mktemp("other")
    monkeypatch.chdir(other)
    begin()
    Path(".dvc/config.local").write_text(f"[cache]\n    dir = {here}/.dvc/cache\n")
    assert run(commits=False) == first
    assert made() == []
    assert reuse.dvc_cache(other) == here / ".dvc/cache"
    assert reuse.dvc_cache(Path("/")) is None


def test_what_is_remembered_has_a_limit(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reuse, "FILES", 2)
    monkeypatch.setattr(reuse, "ENTRIES", 2)
    for factor in range(4):
        run(factor)
    assert len(list(Path(".dvc/cache/partitions").iterdir())) == 2
    made()
    run(factor=3)
    assert made() == ["p0"]


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["put", "remove", "param", "code", "extra", "kill", "gc"]),
        st.integers(0, 4),
        st.integers(0, 2),
    ),
    max_size=5,
)


@pytest.mark.thorough
@settings(max_examples=200)
@given(steps=STEPS)
def test_after_any_history_the_bytes_are_those_of_a_cold_run(
    steps: list[tuple[str, int, int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(processes, "processors", lambda: 1)
        patch.chdir(tmp_path_factory.mktemp("history"))
        begin()
        factor = 2
        for what, number, value in steps:
            match what:
                case "put":
                    put(f"p{number}", value)
                case "remove":
                    (RAW / f"p{number}.parquet").unlink(missing_ok=True)
                case "param":
                    factor = value
                case "code":
                    Path("code.py").write_text(str(value), encoding="utf-8")
                case "extra":
                    EXTRA.write_text(str(value), encoding="utf-8")
                case "kill":  # before DVC has taken anything into its cache
                    run(factor, commits=False)
                case "gc":
                    shutil.rmtree(".dvc/cache/files", ignore_errors=True)
            run(factor, commits=what != "kill")
        warm = run(factor)
        patch.setenv("RECOMPUTE", "1")
        made()
        assert run(factor) == warm
        assert len(made()) == len(warm)


def test_side_by_side_gives_the_same_and_a_fault_is_the_stages_own(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for processors in (1, 4):
        monkeypatch.setattr(processes, "processors", lambda count=processors: count)
        shutil.rmtree(".dvc/cache", ignore_errors=True)
        found.append(run())
    assert found[0] == found[1]
    put("p9", 9)
    with pytest.raises(Fault, match="p9 is out of the question"):
        run()


@pytest.mark.skipif(sys.platform == "win32", reason="nothing is killed like this there")
def test_a_process_that_is_killed_is_said(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "processors", lambda: 2)
    put("p8", 8)
    with pytest.raises(Fault, match=r"was killed. Out of memory\? LOKY_MAX_CPU_COUNT=1 builds"):
        run()


@pytest.mark.skipif(sys.platform == "win32", reason="nothing is killed like this there")
def test_a_killed_stage_leaves_no_process(tmp_path: Path) -> None:
    """Its workers hold the write end of a pipe, which closes when the last of them ends."""
    code = (
        "import os, time\n"
        "from kit.base import processes\n"
        "def work(number):\n"
        "    os.write(1, b'works\\n')  # in one piece, since two of them write\n"
        "    time.sleep(600)\n"
        "processes.processors = lambda: 2\n"
        "with processes.side_by_side(2) as apply: list(apply(work, [1, 2]))\n"
    )
    env = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        [sys.executable, "-c", code], env=env, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        assert [process.stdout.readline() for _ in range(2)] == ["works\n"] * 2
        process.kill()
        assert process.stdout.read() == ""  # comes back only when the workers are gone


def doubled(frame: pd.DataFrame) -> pd.DataFrame:
    return frame * 2


def test_a_table_is_built_of_another_partition_by_partition(here: Path) -> None:
    run()  # which writes params.yaml
    rules = pa.DataFrameSchema({"n": pa.Column(int, pa.Check.le(2))})
    said = build_table("double", RAW, DOUBLED, doubled, rules)
    assert said == "3 rows in 3 partitions"
    found = {path.stem: read(path)["n"].tolist() for path in DOUBLED.iterdir()}
    assert found == {"p0": [0], "p1": [2], "p2": [4]}
    put("p1", 3)
    with pytest.raises(Fault, match=r"raw/p1.parquet: column n: .* 1 rows fail it: 3 in row 0"):
        build_table("double", RAW, DOUBLED, doubled, rules)
    build_table("double", RAW, DOUBLED, doubled)
    assert read(DOUBLED / "p1.parquet")["n"].tolist() == [6]
    with pytest.raises(Fault, match="nothing: no data here"):
        build_table("double", Path("nothing"), DOUBLED, doubled)


def test_without_dvc_nothing_is_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    put("p0", 1)
    EXTRA.parent.mkdir(parents=True)
    EXTRA.write_text("0", encoding="utf-8")
    memory = Memory("double", set())
    assert memory.take(memory.key("p0", inputs("p0")), DOUBLED) is None
    build_partitions("double", DOUBLED, ["p0"], functools.partial(double, factor=2), inputs)
    assert made() == ["p0"]
