"""Texts of a revision are only read: on a terminal, in Markdown, in a page, whatever they hold."""

import base64
import contextlib
import io
import math
import os
import re
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hostile import CANARIES, WORKING, check_markdown, check_text, create, shape, strict, tags
from hypothesis import example, given
from hypothesis import strategies as st
from project import Project, Strata, sandbox

from strata import git
from strata.compare import seeds
from strata.compare.paired import Difference, Group
from strata.compare.verdict import Estimate, Evidence, Gate, overall
from strata.core import terminal
from strata.core.charts import Chart, mermaid, picture
from strata.core.errors import Fault
from strata.core.markdown import block, code, details, join, label, plain, quoted, table, term
from strata.core.page import page
from strata.core.texts import counted, inert
from strata.core.values import aligned, json_of
from strata.dvc.revision import Stage, leaves
from strata.monitor.drift import Drift
from strata.monitor.looks import Look
from strata.monitor.watch import Partition, Watch
from strata.monitor.words import document
from strata.report import sections
from strata.retrain.decision import refusal

TEXTS = st.lists(st.sampled_from(CANARIES) | st.text(max_size=3), min_size=1, max_size=6).map(
    "".join
)
GOOD = [
    "&lt;b&gt; &#27;[31m&#10;",
    "a&b",
    "müllers_recall",
    "👩\u200d💻 share",
    "précision à 5",
    "a.b-c",
    "日本",
    "x\u200e",
    "100 %",
]


@given(TEXTS)
@example("<code>&#27;&#10;</code>")
def test_what_misleads_is_shown_as_its_escape(text: str) -> None:
    check_text(inert(text))
    assert inert(inert(text)) == inert(text)
    (name,) = leaves({"metrics.json": {text: 1}}, "x") or [""]
    check_text(name)
    assert "\n" not in name
    check_text(plain(code(text)))
    assert "\n" not in plain(code(text))


@pytest.mark.parametrize("name", GOOD)
def test_a_name_that_people_give_stays(name: str) -> None:
    assert inert(name) == name
    assert list(leaves({"metrics.json": {name: 1}}, "x")) == [name]
    assert name in plain(code(name))


@given(TEXTS, st.sampled_from(["ascii", "latin-1", "utf-8", "cp1252"]))
def test_no_text_steers_a_terminal_or_fails_for_its_encoding(text: str, encoding: str) -> None:
    written = io.BytesIO()
    stream = io.TextIOWrapper(written, encoding, newline="\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stdout", stream)
        patch.setattr("sys.stderr", stream)
        terminal.guard()
        terminal.guard()
        print(text)
        stream.flush()
    said = written.getvalue().decode(encoding)
    check_text(said)
    assert said.count("\n") == text.replace("\r\n", "\n").count("\n") + 1


@given(TEXTS)
def test_a_table_has_a_line_a_row(text: str) -> None:
    assert len(aligned([("a", "b"), (text, "x")]).split("\n")) == 2


def test_json_knows_no_nan() -> None:
    found = {"a": math.nan, "b": [math.inf, (1.0, -math.inf)], "c": "\ud800"}
    assert strict(json_of(found)) == {"a": None, "b": [None, [1.0, None]], "c": "\ud800"}


@pytest.mark.parametrize(
    "text",
    [
        '{"commit": 5, "param": "a", "seeds": [1, 2], "sd": {}}',
        '{"commit": "a", "param": "a", "seeds": [1, 2], "sd": {"m": Infinity}}',
        '{"commit": "a", "param": "a", "seeds": [1, 2], "sd": {"m": NaN}}',
    ],
)
def test_a_file_of_seeds_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(Fault, match="is not what `strata seeds` writes"):
        seeds.read(text, "seeds.json")


def metric(text: str) -> str:
    """What a report says of a metric of this name, its rows paired by a column of it."""
    name = re.sub(r"[.:_]", "", text) or "-"  # which part a name
    found = Evidence(
        {name: 0.7},
        {name: 0.8},
        {text: Group(100, 20, 3, {name: Difference(0.7, 0.8, 0.05, 0.15)}, text)},
        same_rows=True,
        seeds=(seeds.Seeds(text, text, [1, 2], {name: 0.1}), None),
    )
    best = Estimate(0.7, 0.8, (0.05, 0.15), f"paired by {text}")
    gate = Gate(text, text, text, 0.7, False)
    parts = [
        sections.metrics([name], found, judge=True),
        sections.compared_rows(found.groups),
        sections.covers(found, [name, "other"]),
        sections.gates([gate]),
        f"so {sections.crossed(gate)}",
        f"it is {sections.way(best)}.",
        f"why: {overall('no' + text, found)[2]}",
    ]
    return "\n\n".join(parts)


def stages(text: str) -> str:
    """What a report says of params, stages and files of this name."""
    stage = Stage(text, text, {text: "a"}, {text: text}, {text: "b"}, False)
    parts = [
        sections.values({text: text}, {text: text + "2"}, "param"),
        sections.rerun({text: stage}, {text: [text]}, {}, {text: "ran"}),
        sections.rerun({text: stage}, {}, {text: [text]}, {}),
        table(["output", "files"], [[code(text), *sections.files("out", [text], [])]]),
    ]
    return "\n\n".join(parts)


def watch(text: str) -> str:
    """What a monitor says of partitions, a champion and inputs of this name."""
    best = Estimate(0.7, 0.8, (0.05, 0.15), "paired by day")
    look = Look(np.linspace(0.1, 0.2, 20))  # which raises an alarm
    judged = Partition(text, 9, 0, 9, 0, text, best, look, 0.5, 0.5)
    found = Watch(
        champion=text,
        metric=text,
        partitions=[judged, judged, Partition(text, 9, 0, 0, why=f"no labels: {code(text)}")],
        drifts=[Drift(text, 0.5, (0.0, 0.1), 0.2)],
        newest=text,
        notes=[],
    )
    return join([*document(found), *document(found, pictures=True)])


RENDERERS: list[Callable[[str], str]] = [
    metric,
    stages,
    watch,
    lambda text: f"before {code(text)} and {term(text)} after",
    lambda text: table(["name", "value:"], [[code(text), term(text)]]) + "\n\nafter",
    lambda text: f"{block(text)}\n\nafter",
    lambda text: refusal([text], {text: [text]}, False, "better"),
    lambda text: refusal([], {text: []}, True, "better"),
    lambda text: f"{mermaid(Chart(text, text, text, [text, text], [1, 2], [1, 3]))}\n\nafter",
    lambda text: f"{picture(Chart(text, text, text, [text, text], [1, 2], [1, 3]))}\n\nafter",
]


@pytest.mark.parametrize("render", RENDERERS)
@given(text=TEXTS)
def test_no_text_is_markdown_or_html(render: Callable[[str], str], text: str) -> None:
    evil, tame = join([("Title", render(text))]), join([("Title", render("tame"))])
    check_markdown(without_pictures(evil), without_pictures(tame))
    pages = [tags(page([("Title", each)])) for each in (evil, tame)]
    for each in pages:
        each[:] = [tag for tag in each if tag[0] != "code"]
    assert pages[0] == pages[1]


def without_pictures(text: str) -> str:
    """A text in which what is drawn in each picture is left out: the rest of its tag stays."""
    return re.sub(r'(?<=base64,)[\w+/=]+|(?<=alt=")[^"<>&]*', "", text)


@given(TEXTS)
def test_what_is_drawn_has_no_tag_of_a_text(text: str) -> None:
    drawn = picture(Chart(text, text, text, [text, text], [1, 2], [1, 3]))
    (coded,) = re.findall(r"base64,([\w+/=]+)", drawn)
    found = {tag for tag, _ in tags(base64.b64decode(coded).decode())}
    assert found == {"svg", "path", "polyline", "text"}
    assert not set(label(text)) & set('"`<>|[](){}#;&%\\\n:*$@')


CARDS = st.lists(
    st.sampled_from(
        [*CANARIES, "\n", "\n\n", "\n/merge\n", "> ", "- ", "    ", "```mermaid\n", "~~~~ math\n"]
    )
    | st.text(max_size=3),
    min_size=1,
    max_size=12,
).map("".join)


@given(CARDS)
def test_nothing_reaches_out_of_a_card(card: str) -> None:
    assert all(line.startswith(">") for line in quoted(card).split("\n"))  # so GitLab heeds none
    text = join([("", "before [x] and"), ("Card", details("Open", quoted(card))), ("", "# after")])
    check_text(text)
    parts, words = shape(text)
    assert parts[:3] == ["paragraph_open p {}", "words", "paragraph_close p {}"]
    assert parts[-4:-3] == ["</details>\n"]
    inside = parts[parts.index("<details><summary>Open</summary>\n") + 1 : -4]
    assert inside[0].startswith("blockquote_open")
    assert inside[-1].startswith("blockquote_close")
    assert not [part for part in inside if part.startswith(("<", "image", "fence m"))]
    assert not re.search(r"@\w", words)
    assert {tag for tag, _ in tags_of_card(text)} <= TAME


TAME = {"html", "head", "meta", "title", "style", "body", "p", "h1", "h2", "h3", "details"}
TAME |= {"summary", "blockquote", "code", "pre", "ul", "ol", "li", "em", "strong", "a", "hr", "br"}
TAME |= {"table", "thead", "tbody", "tr", "th", "td", "h4", "h5", "h6"}


def tags_of_card(text: str) -> Any:
    """The elements of a page with a card, whose links may lead to the web."""
    return tags(re.sub(r'href="http[^"]*"', 'href="#"', page([("", text)])))


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A stranger's repository, with hostile texts wherever one can stand. Do not change it."""
    folder = tmp_path_factory.mktemp("stranger")
    return create(folder / "project", sandbox(folder / "home"))


@pytest.mark.slow
@pytest.mark.fault(
    "names, values, columns, files, branches, tags, subjects, authors and cards of a revision with "
    "terminal escapes, Markdown, HTML, half characters and writing turned around",
    "each command shows them and does nothing that they say, in Markdown, HTML, JSON, a terminal",
)
def test_each_output_only_shows_what_a_stranger_wrote(stranger: Project, strata: Strata) -> None:
    def said(*arguments: str, code: int = 0) -> str:
        found = strata(stranger, *arguments, code=code)
        check_text(found)
        return found

    assert "test.\\x1b]0;pwned\\x07\\x1b[31m roc_auc" in said("status")
    assert "# approved" in said("look", "metrics/months.csv", "--output", "look.html")
    assert "tiny" in said("models")
    said("doctor", code=1)
    said("gc", "--dry-run")
    said("restore", "champion\x1b[31m", code=1)
    said("get", "HEAD", "x\x1b[31m", "--output", "got", code=1)
    assert "paired by # approved" in said("compare", "champion", "HEAD")
    strict(said("compare", "--json", "champion", "HEAD"))
    json, watch = ("monitor", "--champion", "champion", "--json"), ("monitor", "--champion")
    strict(said(*json).splitlines()[-1])

    report = said("report", "--base", "champion").partition("### Model card")[0]
    watched = said(*watch, "champion", "--html", "monitor.html")
    for text in (report, watched[watched.index("## Monitor") :]):
        parts, words = shape(text)
        assert not [part for part in parts if part.startswith(("<", "image", "link"))]
        assert not WORKING.search(words), words
    names = ["Params", "Data", "Metrics", "Gates", "Other metrics", "Stages", "Plots"]
    headings = ["## Strata: better", *(f"### {name}" for name in names)]
    assert re.findall(r"^#+ .*", report, re.MULTILINE) == headings

    said("report", "--base", "champion", "--html", "report.html")
    said("models", "--html", "models.html")
    for name in ("look.html", "monitor.html", "report.html", "models.html"):
        html = stranger.read(name).decode()
        links = html.replace('<a href="http://127.0.0.1/', '<a href="#')  # of the card, which may
        names_of_tags = {tag for tag, _ in tags(links)}
        assert not names_of_tags & {"iframe", "object", "embed", "form", "base"}
        assert ("script" in names_of_tags) == (name == "look.html")  # skrub's own
        (stranger.path / name).unlink()


@pytest.mark.slow
def test_a_narrow_encoding_ends_no_command(stranger: Project) -> None:
    found = stranger.run("strata", "status", PYTHONIOENCODING="ascii")
    check_text(found)
    assert "test.\\ud800 roc_auc" in found
    assert "\\xb1" in found


@pytest.mark.slow
def test_a_terminal_gets_our_own_escapes_and_no_others(stranger: Project) -> None:
    """DVC has colorama wrap the streams, which writes escapes, and fails at those of a title."""
    title = "from strata.core import terminal; terminal.guard(); import dvc.repo; "
    title += "print('\\x1b]0;x\\x07')"
    assert stranger.run(sys.executable, "-c", title) == "\\x1b]0;x\\x07\n"
    ours, theirs = pytest.importorskip("pty").openpty()
    command = ["strata", "report", "--base", "champion"]
    env = stranger.env | {"TERM": "xterm"}  # whatever runs the tests on
    with subprocess.Popen(command, cwd=stranger.path, env=env, stdout=theirs) as process:
        os.close(theirs)
        said = b""
        with contextlib.suppress(OSError):  # the other end is closed
            while data := os.read(ours, 65536):
                said += data
        os.close(ours)
    assert process.returncode == 0
    shown = said.decode().replace("\r\n", "\n")
    assert "\x1b[1mtest.roc_auc\x1b[0m" in shown
    assert "\\x1b[0m" not in shown
    check_text(re.sub(r"\x1b\[[\d;]*m", "", shown))


@pytest.mark.slow
def test_a_path_that_misleads_is_refused_and_the_rest_is_told(
    project: Project, strata: Strata
) -> None:
    pipeline = project.path / "dvc.yaml"
    pipeline.write_text(pipeline.read_text() + 'metrics: ["a\\nnext: nothing.json"]\n')
    said = strata(project, "status", code=1)
    assert "metrics: the workspace: 'a\\nnext: nothing.json' has a character that no name" in said
    assert "next: commit what is yours to keep" in said


@pytest.mark.parametrize("name", ["a\0b", "\ud800"])
def test_a_name_that_no_program_can_be_given_is_a_fault(name: str) -> None:
    with pytest.raises(Fault, match="not an argument for git"):
        git.run("cat-file", "blob", f"HEAD:{name}")


def test_a_count_has_its_noun_in_the_right_number() -> None:
    assert [counted(n, "class") for n in (0, 1, 2)] == ["0 classes", "1 class", "2 classes"]
    assert counted(1_234, "row") == "1,234 rows"
