"""The page of the models' history: true, the same each time, and inert whatever a commit says."""

import contextlib
import functools
import http.server
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest
from browser import CHROMIUM, Browser, browser
from hypothesis import given
from hypothesis import strategies as st
from project import Project, Strata
from servers import Server

from strata.releases.models.card import rendered
from strata.releases.models.chart import chart
from strata.releases.models.figures import Metric, metric_of, shown
from strata.releases.models.forge import Forge, forge_of

GITHUB = Forge("https://github.com/o/n", "o/n", "")
VOID = {"meta", "link", "line", "circle", "br", "hr"}
TEXT = {"p", "pre", "code", "em", "strong", "ul", "ol", "li", "blockquote", "a", "br", "hr", "div"}
TEXT |= {"table", "thead", "tbody", "tr", "th", "td", "h4", "h5", "h6"}
PAGE = TEXT | {"html", "head", "meta", "link", "title", "style", "body", "header", "main", "nav"}
PAGE |= {"section", "h1", "h2", "h3", "dl", "dt", "dd", "details", "summary", "figure", "strong"}
PAGE |= {"figcaption", "span", "svg", "g", "line", "circle", "text"}
CARD = {"href", "rel", "class", "start", "style", "tabindex", "role", "aria-label"}


class Reader(HTMLParser):
    """Reads a page strictly: what is opened is closed, and in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.opened: list[str] = []
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert not self.opened

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.opened.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.opened.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def values(self, name: str) -> list[str]:
        return [attributes[name] for _, attributes in self.tags if name in attributes]

    def levels(self) -> list[int]:
        return [int(tag[1]) for tag, _ in self.tags if re.fullmatch("h[1-6]", tag)]


def check_inert(text: str) -> Reader:
    """Only tags of ours, no script, nothing that the page would fetch, headings without a gap."""
    page = Reader(text)
    assert {tag for tag, _ in page.tags} <= PAGE
    names = {name for _, attributes in page.tags for name in attributes}
    assert not [name for name in names if name.startswith("on") or name == "src"]
    assert all(re.fullmatch("text-align:[a-z]+", style) for style in page.values("style"))
    for href in page.values("href"):
        assert href.startswith(("https://", "http://", "mailto:", "#")) or href == "data:,", href
    ids = page.values("id")
    assert len(ids) == len(set(ids))
    assert {href[1:] for href in page.values("href") if href.startswith("#")} <= set(ids)
    levels = page.levels()
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    return page


@pytest.mark.parametrize(
    ("origin", "commit"),
    [
        ("https://github.com/o/n.git", "https://github.com/o/n/commit/a1"),
        ("https://x-token:secret@github.com/o/n", "https://github.com/o/n/commit/a1"),
        ("git@github.com:o/n.git", "https://github.com/o/n/commit/a1"),
        ("ssh://git@gitlab.com:22/g/s/n.git", "https://gitlab.com/g/s/n/-/commit/a1"),
        ("https://gitlab.example.org:8443/g/n", "https://gitlab.example.org:8443/g/n/-/commit/a1"),
        ("https://git.example.org/o/n", None),
        ("https://example.org/github.com/n", None),
        ('https://github.com/o/n"><script>', None),
        ("javascript:alert(1)//github.com/o/n", None),
        ("../store", None),
        ("C:\\repos\\github", None),
        ("", None),
    ],
)
def test_a_forge_is_known_by_the_host_of_origin(origin: str, commit: str | None) -> None:
    forge = forge_of(origin)
    assert (forge.commit("a1") if forge else None) == commit


HOSTILE = """<script>alert(1)</script> <img src=x onerror=alert(1)> ![p](https://e.x/p.png)
[a](javascript:alert(1)) [b](JaVaScRiPt:x) [c](data:text/html,x) [d](//e.x/y) [e](https:e.x) [f](/a)
[g](../params.yaml#x) [h](../../../../x) [i](#there) <javascript:x> [j](https://e.x/ok "t") `<b>`

# One

### Three

Set
---

| a | b |
|---|:-:|
| <i> | 2 |
"""


def test_a_card_keeps_its_words_and_loses_its_powers() -> None:
    html = rendered(HOSTILE, "models/README.md", "c0ffee", GITHUB)
    page = Reader(html)
    files = "https://github.com/o/n/blob/c0ffee"
    assert page.values("href") == [f"{files}/a", f"{files}/params.yaml", "https://e.x/ok"]
    assert page.levels() == [4, 5, 5]
    assert "<script>alert(1)</script> <img src=x onerror=alert(1)> p" in page.text
    assert Reader(rendered(HOSTILE, "README.md", "c0ffee", None)).values("href") == [
        "https://e.x/ok"
    ]


@given(
    st.lists(
        st.sampled_from(
            [*"<>[]()!`#*_|-\n \\&:/.'\"a1", "javascript:", "](", "http://", "<a ", "---"]
        )
    ).map("".join)
)
def test_no_markdown_makes_a_tag_or_a_link_of_its_own(text: str) -> None:
    page = Reader(rendered(text, "README.md", "c0ffee", GITHUB))
    assert {tag for tag, _ in page.tags} <= TEXT
    assert {name for _, attributes in page.tags for name in attributes} <= CARD
    assert all(href.startswith(("http://", "https://")) for href in page.values("href"))


ANY = st.floats() | st.integers() | st.just(10**400)


@given(st.lists(st.none() | st.tuples(ANY, st.none() | ANY), max_size=9), st.integers(1, 4))
def test_any_numbers_are_points_inside_the_picture(
    values: list[tuple[float, float | None] | None], steps: int
) -> None:
    found: list[Metric | None] = []
    for each in values:
        metrics = {"m": each[0], "m_se": each[1]} if each else {}
        shown(metrics, "m")
        found.append(metric_of(metrics, "m"))
    drawn = chart(found, 100, 10, steps)
    assert (drawn is None) == (not any(found))
    for dot in drawn.dots if drawn else []:
        assert 2 <= dot.x <= 98
        assert 10 <= dot.top <= dot.y <= dot.bottom <= 92
    for y, label in drawn.grid if drawn else []:
        assert 9 <= y <= 93
        assert len(label) < 12


EVIL = "<script>alert('x')</script>\"'&lt; </title></style>"


@pytest.fixture
def evil(project: Project) -> Project:
    """A project whose every text of others is hostile, with two releases and experiments."""
    project.run("git", "remote", "add", "origin", "https://me:hunter2@github.com/acme/tiny.git")
    card = project.path / "models/README.md"
    card.write_text(card.read_text() + HOSTILE)
    project.commit(EVIL)
    decision = f"tiny\n\nagainst nothing\n{EVIL}\n\x1b[31m\u202eevil"
    project.run("git", "tag", "-a", "tiny@v0.1.0", "-m", decision)
    project.run("git", "tag", "-a", "tiny#prod#1", "-m", EVIL)
    project.run("git", "tag", "-a", "<script>x", "-m", EVIL)
    metrics = project.path / "metrics/metrics.json"
    metrics.write_text('{"test": {"roc_auc": 0.8, "roc_auc_se": 0.01, "<b>\\u0000\\ud800": 1.5}}')
    project.set(**{"train.skill": EVIL})
    project.commit(f"{EVIL}\n\nBody {EVIL}")
    head = project.run("git", "rev-parse", "HEAD").strip()
    project.run("git", "tag", "-a", "tiny@v0.2.0", "-m", "tiny")
    project.set(**{"train.skill": "-->\n<b>", "train.<i>": "\"'"})
    project.commit("An experiment")
    commit = project.run("git", "rev-parse", "HEAD").strip()
    project.run("git", "update-ref", f"refs/exps/{head[:2]}/{head[2:]}/<img>\"'&", commit)
    project.run("git", "update-ref", f"refs/exps/{'f' * 2}/{'f' * 38}/elsewhere", commit)
    project.run("git", "reset", "--quiet", "--hard", head)
    return project


@pytest.mark.slow
def test_a_page_of_hostile_names_shows_them_and_does_nothing(evil: Project, strata: Strata) -> None:
    assert strata(evil, "models", "--html", "page.html") == ""
    html = evil.read("page.html").decode()
    page = check_inert(html)
    assert "hunter2" not in html
    words = " ".join(page.text.split())
    head = evil.run("git", "rev-parse", "HEAD").strip()
    assert f"https://github.com/acme/tiny/commit/{head}" in page.values("href")
    for text in (
        "Model history of acme/tiny",
        "prodv0.1.0, test.roc_auc 0.76",
        f"against nothing {EVIL}",
        "The tag has no text of its own.",
        "Card of the tiny model",
        "0.8000 ± 0.0100",
        f"{EVIL} (tiny v0.2.0)",
        "test.<b>\\x00\\ud800",
        "<img>\"'&",
        f"train.skill: {EVIL} → --> <b>",
        "train.<i>: absent → \"'",
    ):
        assert text in words, text
    assert "elsewhere" not in words
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f]", html)


@pytest.mark.slow
def test_the_same_repository_is_the_same_page(evil: Project) -> None:
    for name, zone in (("one", "Asia/Tokyo"), ("two", "America/New_York")):
        env = evil.env | {"TZ": zone, "PYTHONHASHSEED": str(len(zone)), "LC_ALL": "C"}
        command = [sys.executable, "-m", "strata.cli", "models", "--html", name]
        subprocess.run(command, cwd=evil.path, env=env, check=True)
    assert evil.read("one") == evil.read("two")


@pytest.mark.slow
def test_a_release_marks_the_point_whose_metrics_it_has(project: Project, strata: Strata) -> None:
    (project.path / "notes").write_text("nothing that a stage reads")
    project.commit("Changes no metric")
    project.run("git", "tag", "--annotate", "--message", "x", "tiny@v1.0.0")
    project.set(**{"train.skill": 3.0})
    project.run("dvc", "repro", "--quiet")
    project.commit("Changes a metric")
    strata(project, "models", "--html", "page.html")
    page = check_inert(project.read("page.html").decode())
    marked = [label for label in page.values("aria-label") if "tiny v1.0.0" in label]
    assert len(marked) == 1
    assert "Changes a metric" not in marked[0]


@pytest.mark.slow
def test_what_is_not_there_is_a_sentence(project: Project, strata: Strata, tmp_path: Path) -> None:
    strata(project, "models", "--html", "page.html")
    page = check_inert(project.read("page.html").decode())
    assert "No version of this model is released" in page.text
    assert "This clone has no experiment" in page.text
    assert "shallow" not in page.text
    assert "no model x is known; there is tiny" in strata(
        project, "models", "x", "--html", "page.html", code=1
    )
    project.commit("Keep the page")
    clone = tmp_path / "clone"
    project.run("git", "clone", "--quiet", "--depth", "1", f"file://{project.path}", str(clone))
    strata(Project(clone, project.env), "models", "--html", "page.html")
    text = (clone / "page.html").read_text()
    assert "This is a shallow clone" in check_inert(text).text

    bare = Project(tmp_path / "bare", project.env)
    bare.path.mkdir()
    bare.run("git", "init", "--quiet")
    bare.run("dvc", "init", "--quiet")
    assert "has no commit yet" in strata(bare, "models", "--html", "page.html", code=1)
    bare.commit("Nothing")
    strata(bare, "models", "--html", "page.html")
    words = " ".join(check_inert(bare.read("page.html").decode()).text.split())
    assert "There is no model" in words
    assert "No commit of main has metrics." in words


@pytest.mark.slow
def test_each_model_has_its_own_versions(project: Project, strata: Strata) -> None:
    (project.path / "sub").mkdir()
    (project.path / "sub/dvc.yaml").write_text("artifacts: {big: {path: big.bin, type: model}}\n")
    (project.path / "sub/README.md").write_text("# Card of the big one\n")
    first = project.commit("A second model, in a folder")
    for tag in ("tiny@v0.1.0", "tiny#prod#1", "sub=big@v1.0.0", "sub=big#trial#1", "gone@v0.1.0"):
        project.run("git", "tag", "-a", tag, "-m", f"the text of {tag}")
    (project.path / "metrics/metrics.json").write_text("{")
    project.commit("Break the metrics")
    project.run("git", "tag", "-a", "tiny@v0.2.0", "-m", "cannot be read")
    strata(project, "models", "--html", "page.html")
    page = check_inert(project.read("page.html").decode())
    names = [
        text
        for text in ("gone", "sub:big", "tiny")
        if f"text of {text}@v".replace(":", "=") in page.text
    ]
    assert names == ["gone", "sub:big", "tiny"]
    assert [page.text.count(f"Card of the {which}") for which in ("tiny", "big one")] == [2, 1]
    assert "v0.1.0 has no README beside its model." in page.text  # gone's
    assert "Commits whose metrics cannot be read: 1" in page.text
    assert "cannot be read" in strata(project, "models", "tiny")
    assert first[:9] in page.text
    strata(project, "models", "tiny", "--html", "page.html")
    assert "big" not in Reader(project.read("page.html").decode()).text


@pytest.mark.slow
def test_the_card_is_the_one_that_the_settings_name(project: Project, strata: Strata) -> None:
    (project.path / "CARD.md").write_text("# Another card\n")
    with (project.path / "pyproject.toml").open("a") as text:
        text.write('[tool.strata.release]\ncard = "CARD.md"\n')
    project.commit("Name a card")
    project.run("git", "tag", "--annotate", "--message", "x", "tiny@v1.0.0")
    strata(project, "models", "--html", "page.html")
    page = check_inert(project.read("page.html").decode())
    assert "Another card" in page.text
    assert "Card of the tiny model" not in page.text


@contextlib.contextmanager
def served(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """The address of a folder on loopback, and the paths that were asked for there."""
    asked: list[str] = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, form: str, *args: object) -> None:
            asked.append(self.path)

    handler = functools.partial(Handler, directory=str(folder))
    with Server(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}", asked
        finally:
            server.shutdown()
            thread.join()


CONTROLS = "a[href], summary, [tabindex]"
SEEN = """(() => {
  const all = [...document.querySelectorAll('CONTROLS')], at = document.activeElement;
  const box = at.getBoundingClientRect();
  return [all.indexOf(at), box.left < innerWidth && box.right > 0];
})()""".replace("CONTROLS", CONTROLS)
CONTRAST = """(() => {
  const light = colour => {
    const [r, g, b] = colour.match(/[\\d.]+/g).map(v => v / 255)
      .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = at => {
    for (; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor;
      if (colour != 'rgba(0, 0, 0, 0)') return colour;
    }
  };
  let least = 21;
  for (const at of document.querySelectorAll('body :not(title)')) {
    if (![...at.childNodes].some(n => n.nodeType == 3 && n.data.trim())) continue;
    const style = getComputedStyle(at), svg = at.namespaceURI.endsWith('svg');
    const pair = [svg ? style.fill : style.color, behind(at)].map(light).sort((a, b) => b - a);
    least = Math.min(least, (pair[0] + 0.05) / (pair[1] + 0.05));
  }
  return least;
})()"""


@pytest.mark.slow
@pytest.mark.skipif(not CHROMIUM, reason="this machine has no Chromium")
@pytest.mark.parametrize("dark", [False, True])
def test_in_a_browser_it_fits_a_phone_and_needs_no_mouse(
    evil: Project, strata: Strata, tmp_path: Path, dark: bool
) -> None:
    site = tmp_path / "site"
    site.mkdir()
    strata(evil, "models", "--html", str(site / "index.html"))
    with served(site) as (address, asked), browser(tmp_path, 360, 740, dark) as page:
        page.open(f"{address}/")
        assert page.run("document.documentElement.scrollWidth") == 360
        count = page.run(f"document.querySelectorAll('{CONTROLS}').length")
        reached = opened = 0
        while reached < count:
            page.press("Tab")
            at, visible = page.run(SEEN)
            hidden = page.run("document.activeElement.className") == "skip" and not visible
            assert at == reached, page.run("document.activeElement.outerHTML")
            assert visible or hidden
            reached += 1
            if page.run("document.activeElement.tagName") == "SUMMARY":
                page.press("Enter")
                assert page.run("document.activeElement.parentElement.open")
                opened += 1
        assert opened == page.run("document.querySelectorAll('details').length")
        assert page.run("document.documentElement.scrollWidth") == 360
        assert page.run(CONTRAST) >= 4.5
        point = page.run("document.querySelector('.point[tabindex]').focus()")
        assert page.run("getComputedStyle(document.querySelector('.tip')).visibility") == "visible"
        assert point is None
        check_quiet(page, asked)


def check_quiet(page: Browser, asked: list[str]) -> None:
    """The page asked for itself only, and the console said nothing."""
    assert asked == ["/"]
    requests = page.told("Network.requestWillBeSent")
    urls = [each["request"]["url"] for each in requests]
    assert [url for url in urls if not url.startswith("data:")] == urls[:1]
    assert page.told("Log.entryAdded", "Runtime.exceptionThrown", "Runtime.consoleAPICalled") == []


def test_the_page_is_not_written_where_no_folder_is(project: Project, strata: Strata) -> None:
    said = strata(project, "models", "--html", f"none{os.sep}page.html", code=1)
    assert "No such file" in said
