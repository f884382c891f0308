import re
import sys

import pytest
from markdown_it import MarkdownIt

from strata.core.charts import Chart, mermaid
from strata.core.markdown import code, details, figure, join, label, number, plain, quoted, table
from strata.core.page import page, show, show_rows
from strata.core.values import aligned

HOSTILE = [
    "a|b",
    "x`y",
    "``` \n# heading",
    "<script>alert(1)</script>",
    "</code></td></table><img src=x onerror=alert(1)>",
    "[click](javascript:alert(1))",
    "![](http://example.org/pixel.png)",
    "@octocat",
    "\\`\\|<b>",
    "a\\|b`c",
    "${{ github.token }}",
    "$(touch pwned)",
    "-->\n<b>",
    "**bold** _it_ ~~no~~",
    "\u202egnp.exe",
    "http://example.org www.example.org #1",
    "`",
    "|",
    "\\",
    "",
]


def rendered(markdown: str) -> str:
    return str(MarkdownIt("commonmark").enable("table").render(markdown))


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_only_text(text: str) -> None:
    for html in (
        rendered(f"before {code(text)} after"),
        rendered(table(["name", "value:"], [[code(text), "1"]])),
    ):
        inside = re.findall(r"<code>(.*?)</code>", html)
        assert len(inside) == 1
        outside = re.sub(r"<code>.*?</code>", "", html)
        assert set(re.findall(r"</?([a-z]+)", outside)) <= {
            *("p", "table", "thead", "tbody", "tr", "th", "td")
        }
        assert "<" not in inside[0]
        assert outside.count("<td") in (0, 2)
        assert "@" not in outside


def test_a_text_is_shown_as_it_is() -> None:
    assert code("train.max_iter") == "`train.max_iter`"
    assert "a|b" in rendered(code("a|b")).replace("&#124;", "|")
    assert code("x" * 100).endswith("x…`")


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_in_mermaid_is_a_label(text: str) -> None:
    assert not set(label(text)) & set('"`<>|[](){}#;&%\\\n:*$')
    drawn = mermaid(Chart(text, text, text, [text, text], [0.1, 0.2], [0.1, 0.3]))
    assert drawn.count("```") == 2


def test_a_model_card_has_no_html_no_pictures_and_calls_nobody() -> None:
    card = (
        "# Card\n</details><script>x</script>\n@octocat ![p](http://example.org/p.png)\n```\nopen"
    )
    shown = quoted(card)
    html = rendered(f"<details>\n\n{shown}\n\n</details>\n\nafter")
    assert "<h1>Card</h1>" in html
    assert "<script" not in html
    assert "<img" not in html
    assert "@octocat" not in html
    assert "<p>after</p>" in html
    assert len(quoted("x" * 100_000)) < 21_000


def test_a_report_shortens_itself_from_the_end_and_says_so() -> None:
    sections = [("", "## Verdict"), ("Metrics", "m" * 30_000), ("Plots", "p" * 20_000)]
    whole = join([*sections, ("Model card", "é" * 40_000)])
    assert "p" * 20_000 in whole
    assert "é" not in whole
    assert "Left out, as a comment has a limit: model card." in whole
    assert "Left out" not in join(sections)
    assert len(join([*sections, *sections[1:]] * 3).encode()) < 65_536


def test_a_long_table_says_what_it_leaves_out() -> None:
    text = table(["a"], [[code("x" * 500)]] * 5_000)
    assert text.endswith("… and 4,960 more.")
    assert len(text) < 20_000


def test_the_page_runs_nothing() -> None:
    html = page([("", code("<script>alert(1)</script>")), ("Card", quoted("[x](javascript:y)"))])
    assert "<script" not in html
    assert "javascript:y" not in re.sub(r"\[x\].*?<", "", html)
    assert "default-src 'none'" in html


@pytest.mark.parametrize(
    ("value", "sign", "scale", "text"),
    [
        (28889, False, None, "28,889"),
        (0.25, True, None, "+0.2500"),
        (0.700049, False, None, "0.7000"),
        (12345.678, True, None, "+12,345.7"),
        (-0.0, False, None, "0"),
        (-0.00001, True, 0.7, "0"),
        (0.0000321, False, None, "0.0000321"),
        (0.0000011, True, 0.00003, "+0.0000011"),
        (3.14159, True, 2859.6, "+3.14"),
    ],
)
def test_figures_have_the_precision_of_what_they_measure(
    value: float, sign: bool, scale: float | None, text: str
) -> None:
    assert figure(value, sign, scale) == text


def test_a_value_that_somebody_set_is_shown_whole() -> None:
    assert [number(value) for value in (1e-06, 0.05, 20000)] == ["1e-06", "0.05", "20,000"]


def test_a_terminal_shows_no_html() -> None:
    assert plain(code("a|b `c`")) == "a|b `c`"
    assert plain(code("plain")) == "`plain`"


def test_a_terminal_shows_tables_in_columns_names_charts_and_is_not_steered(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    chart = mermaid(Chart("ROC", "x", "y", (0, 1), [0.1, 0.2], [0.1, 0.3]))
    rows = table(["name", "value:"], [[code("a|b"), "1"], [code("longer"), "1,000"]])
    card = quoted("\x1b[2J&#27;[1m @you")
    folded = details("Open the card", quoted("license: mit\n</details>"))
    show(join([("Metrics", rows), ("Plots", chart), ("Card", card), ("More", folded)]))
    said = capsys.readouterr().out
    assert "Open the card: strata report --html FILE shows it" in said
    assert "license" not in said
    assert [line.split() for line in said.splitlines() if "a|b" in line or "longer" in line] == [
        ["a|b", "1"],
        ["longer", "1,000"],
    ]
    assert "ROC: strata report --html FILE draws it" in said
    assert "line [" not in said
    assert "\x1b[2J" not in said
    assert "\x1b[1m" not in said
    assert "&#27;[1m" in said


def test_a_terminal_shows_a_long_name_whole(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    name = "train.hist_gradient_boosting.max_leaf_nodes"
    show(table(["param", "base:", "this:"], [[code(name), "1,000,000", "2,000,000"]]))
    lines = capsys.readouterr().out.splitlines()
    assert "".join(line.split()[0] for line in lines if line.strip()).endswith(name)


ROWS = [
    ["column", "type", "example", "remark"],
    ["age", "whole number", "31", ""],
    ["a_long_name", "text", "the first of the texts", "almost each row has a value of its own"],
]


@pytest.mark.parametrize("width", [36, 40, 60, 200])
def test_rows_fit_the_terminal_and_no_word_of_a_remark_is_broken(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    show_rows(ROWS)
    said = capsys.readouterr().out
    assert max(map(len, said.splitlines())) <= width
    assert " ".join(said.split()).count(ROWS[2][-1]) == 1
    assert (said == aligned(ROWS) + "\n") == (width == 200)
