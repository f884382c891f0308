"""How a stage begins and ends: with the packages that are pinned, and one line or a fault."""

import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from kit.base import stage
from kit.base.stage import Fault, pins, run


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, which pins nothing."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_stage_ends_with_one_line_of_what_it_did(capsys: pytest.CaptureFixture[str]) -> None:
    run("prepare", lambda: "7 rows of 1 months")
    out, err = capsys.readouterr()
    assert out.startswith("prepare: 7 rows of 1 months, ")
    assert out.endswith(" s\n")
    assert out.count("\n") == 1
    assert not err


def test_a_fault_is_shown_line_by_line_and_ends_with_code_1(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def main() -> str:
        raise Fault("a.parquet: column x: missing\na.parquet: column y: missing")

    with pytest.raises(SystemExit) as stop:
        run("prepare", main)
    assert stop.value.code == 1
    assert capsys.readouterr().err.splitlines() == [
        "prepare: a.parquet: column x: missing",
        "prepare: a.parquet: column y: missing",
    ]


def test_an_interruption_says_how_to_go_on(capsys: pytest.CaptureFixture[str]) -> None:
    def main() -> str:
        raise KeyboardInterrupt

    with pytest.raises(SystemExit) as stop:
        run("train", main)
    assert stop.value.code == 130
    assert capsys.readouterr().err == "train: interrupted; run it again to go on\n"


def test_an_error_of_our_own_keeps_its_traceback() -> None:
    def main() -> str:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run("train", main)


HASH = " \\\n    --hash=sha256:00\n"
HERE, PANDAS = "python_version >= '3'", version("pandas")


def pinned(*lines: str) -> None:
    """Write requirements.lock as uv does."""
    stage.PINS.write_text("# made\n" + "".join(line + HASH for line in lines), encoding="utf-8")


def test_pins_are_those_of_this_system_and_any_form_of_a_lock() -> None:
    assert pins() == []
    pinned(f"a==1 ; {HERE}", "b==2 ; python_version < '3'", "c[x,y]==3", "d-e.f==1.0+cpu")
    with stage.PINS.open("a", encoding="utf-8") as file:
        file.write("--index-url https://example.org\n\ng==1 --hash=sha256:00  # via a\n-e .\n")
    assert pins() == ["a==1", "c==3", "d-e.f==1.0+cpu", "g==1"]


@pytest.mark.parametrize(
    "good",
    [
        f"pandas=={PANDAS}",
        f"Pandas=={PANDAS}.0",  # the same, say versions
        f"pandas==1.0 ; sys_platform == 'none'\npandas=={PANDAS} ; {HERE}",
        "colorama==0.0 ; sys_platform == 'none'",
    ],
)
def test_a_stage_runs_with_what_is_pinned_whatever_there_is_besides(
    good: str, capsys: pytest.CaptureFixture[str]
) -> None:
    pinned(*good.splitlines())
    run("train", lambda: "fitted")
    assert capsys.readouterr().out.startswith("train: fitted, ")


def test_a_stage_does_not_run_with_packages_that_are_not_pinned(
    capsys: pytest.CaptureFixture[str],
) -> None:
    pinned("pandas==1.0", f"pyarrow=={version('pyarrow')}", "no-such-package==2")

    def main() -> str:
        raise AssertionError

    with pytest.raises(SystemExit) as stop:
        run("train", main)
    assert stop.value.code == 1
    one, two, more = capsys.readouterr().err.splitlines()
    said = "train: requirements.lock does not hold here: "
    assert one == f"{said}pandas==1.0 is pinned, and {PANDAS} is installed"
    assert two == f"{said}no-such-package==2 is pinned, and no no-such-package is installed"
    assert more.startswith(f"train: this is {sys.executable}. `make --always-make setup` puts")


def test_of_many_packages_some_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    pinned(*(f"no-{number}==1" for number in range(7)))
    with pytest.raises(SystemExit):
        run("train", lambda: "fitted")
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == stage.NAMED + 2
    assert lines[-2].endswith(": and 2 more")


@pytest.mark.parametrize("content", [b"pandas===1\xff", b"pandas=1\n"])
def test_a_lock_that_cannot_be_read_is_a_fault(content: bytes) -> None:
    stage.PINS.write_bytes(content)
    with pytest.raises(Fault, match=r"requirements\.lock: cannot be read: "):
        pins()


def test_what_is_left_of_a_package_is_none(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (here / "broken-1.0.dist-info").mkdir()
    monkeypatch.syspath_prepend(here)
    assert stage.installed("broken") is None
