import pytest

from stage import Fault, run


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
