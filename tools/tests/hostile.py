"""Texts that would do something where they are shown, and how to tell that none has."""

import json
import re
import unicodedata
from html.parser import HTMLParser
from pathlib import Path

import tiny
import yaml
from markdown_it import MarkdownIt
from markdown_it.token import Token
from project import Project
from scoring_project import SCORE, SETTINGS

CANARIES = [
    "# approved",
    "![x](http://127.0.0.1/x.png)",
    "<img src=x onerror=1>",
    "@team",
    "[x](javascript:1)",
    "[x]: http://127.0.0.1/",
    "\x1b]0;pwned\x07\x1b[31m",
    "\x9b31m",
    "\u202e",
    "\ud800",
    "`code`",
    "| cell |",
    "```",
    "~~~",
    "$\\href{x}{y}$",
    "\n",
    "\r",
    "\u2028",
    "\\",
    "&lt;b&gt;&#64;team",
    "http://bare.example",
    "www.bare.example",
    "</code></td></table></details>",
    "-->",
    '"',
    "'",
    "*",
    "%%{init}%%",
    ":smile: ",
]
WORKING = re.compile(r"@\w|https?://|www\.|javascript:|\$")  # what GitHub heeds without brackets


def shape(markdown: str) -> tuple[list[str], str]:
    """What a text consists of, as GitHub reads it, and what of it is words outside of code.

    Words and code in a line are one, so that a name may be either.
    """
    parts: list[str] = []
    words = ""
    is_code = False

    def add(part: str) -> None:
        if not (part == "words" and parts[-1:] == ["words"]):
            parts.append(part)

    def read(tokens: list[Token]) -> None:
        nonlocal words, is_code
        for token in tokens:
            if token.type == "inline":
                read(token.children or [])
            elif token.content in ("<code>", "</code>") and token.type == "html_inline":
                is_code = token.content == "<code>"
                add("words")
            elif token.type in ("text", "text_special", "code_inline"):
                add("words")
                words += "" if is_code or token.type == "code_inline" else token.content
            elif token.type == "fence":
                lines = token.content.count("\n") if token.info == "mermaid" else 0
                add(f"fence {token.info} {lines}")
            elif token.type in ("html_inline", "html_block"):
                add(token.content)
            else:
                add(f"{token.type} {token.tag} {token.attrs}")

    read(MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(markdown))
    return parts, words


def check_markdown(hostile: str, tame: str) -> None:
    """Assert that a text is what the same is without anything hostile in it."""
    check_text(hostile)
    parts, words = shape(hostile)
    assert parts == shape(tame)[0], hostile
    assert not WORKING.search(words), words


def check_text(text: str) -> None:
    """Assert that nothing in a text steers or misleads, and that it can be written."""
    odd = {repr(char) for char in set(text) - {"\n", "\t"} if is_odd(char)}
    assert not odd, (odd, text)
    text.encode()


def is_odd(char: str) -> bool:
    """Whether it is a control, ends a line, is half a character, or turns the order around."""
    turning = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
    odd = unicodedata.category(char) in {"Cc", "Cs", "Zl", "Zp"}
    return odd or unicodedata.bidirectional(char) in turning


class _Tags(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, list[str]]] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, [name for name, _ in attrs]))
        for name, value in attrs:
            assert not name.startswith("on"), (tag, attrs)
            assert name not in ("src", "href") or is_ours(value or ""), (tag, attrs)


def is_ours(address: str) -> bool:
    """Whether an address is one that a page may have."""
    return address.startswith(("data:", "#", "https://en.wikipedia.org/wiki/"))


def tags(html: str) -> list[tuple[str, list[str]]]:
    """The elements of a page, each with the names of its attributes; none leads elsewhere."""
    check_text(html)
    return _Tags(html).tags


def strict(text: str) -> object:
    """The value of a JSON text, as a reader reads it that knows no NaN."""

    def refuse(constant: str) -> None:
        raise AssertionError(f"no JSON: {constant}")

    return json.loads(text, parse_constant=refuse)


# Where a text must be one line, and where Git or the disk takes no other.
LINE = "# approved ![x](u) <img src=x onerror=1> @team `code` | cell | [x](javascript:1) $a$"
FILE = LINE.replace("/", "")
STEERING = f"{LINE}\x1b[31m\u202e"
BRANCH = "x<img/src=x>@team#approved`code`|cell|$a$\u202e"
CARD = "\n\n".join(["# Card", *(text for text in CANARIES if text != "\ud800")])


def files() -> dict[str, str]:
    """The tiny project with such texts wherever a revision has one; it scores rows, too."""
    found = dict(tiny.FILES)

    def change(path: str, before: str, after: str) -> None:
        assert before in found[path], (path, before)
        found[path] = found[path].replace(before, after)

    pipeline = yaml.safe_load(found["dvc.yaml"])
    stages = pipeline["stages"]
    stages["train"]["params"].append("hostile")
    stages[f"{STEERING}\n".replace("@", "").replace(":", "")] = stages.pop("evaluate")
    texts = {"title": f"{STEERING}\n```\n", "x_label": f"{STEERING}\n", "y_label": STEERING}
    curve = {"x": LINE, "y": {"metrics/months.csv": f"auc {LINE}"}, **texts}
    pipeline["plots"] = [{STEERING: curve}]
    pipeline["artifacts"][STEERING] = {"path": "metrics/months.csv", "type": "model"}
    found["dvc.yaml"] = yaml.safe_dump(pipeline, sort_keys=False)
    params = yaml.safe_load(found["params.yaml"])
    params["hostile"] = {text: text for text in CANARIES if text != "\ud800"}
    found["params.yaml"] = yaml.safe_dump(params, sort_keys=False)

    change("data.py", 'f"2013-{month:02}.parquet"', f'f"2013-{{month:02}} " {FILE!r} ".parquet"')
    change("data.py", '"day":', f"{LINE!r}:")
    change("evaluate.py", '"day"', repr(LINE))
    change("evaluate.py", "import json\n", "import csv\nimport json\n")
    change(
        "evaluate.py",
        '"roc_auc_se": 0.02}}',
        f'"roc_auc_se": 0.02}}}}\nfor name in {CANARIES}:\n'
        '    metrics["test"][f"{name} roc_auc"] = aucs[months[-1]]',
    )
    head = found["evaluate.py"].partition("lines = [")[0]
    found["evaluate.py"] = head + (
        'with open("metrics/months.csv", "w", newline="") as file:\n'
        f"    csv.writer(file).writerows([{[LINE, f'auc {LINE}']}, *aucs.items()])\n"
    )
    change("pyproject.toml", '"day"', json.dumps(LINE))
    found["pyproject.toml"] += SETTINGS
    found["score.py"] = SCORE.replace('"day"', repr(LINE))
    found["models/README.md"] = CARD
    found[f"{FILE}\x1b[31m\n"] = "a file of Git's\n"
    return found


def commit(project: Project, message: str) -> None:
    """Commit all as somebody whose name is hostile, too."""
    project.run("git", "add", "--all")
    author = ("-c", "user.name=@team # approved \x1b[31m\u202e")
    project.run("git", *author, "commit", "--quiet", "--no-verify", "--message", message)


def create(path: Path, env: dict[str, str]) -> Project:
    """A repository of a stranger's: the tag champion, and on a branch what came after it."""
    project = tiny.create(path, env, files())
    project.run("git", "tag", "champion")
    project.run("git", "tag", "--annotate", "--message", f"tiny\n\n{STEERING}", "tiny@v0.1.0")
    project.run("git", "tag", BRANCH)
    project.set(**{"data.months": 3, "train.skill": 3.0, "hostile.new\x1b[31m": STEERING})
    project.run("dvc", "repro", "--quiet")
    commit(project, STEERING)
    project.run("git", "switch", "--quiet", "--create", f"{BRANCH}2")
    return project
