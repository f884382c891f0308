"""What a few bytes of others can stand for is refused in one line, by the limits of the tools."""

import pytest
from project import ROOT, Project, Strata

from strata import limits
from strata.errors import Fault
from strata.limits import Limit
from strata.revision import parsed

PAGE = ROOT / "docs/security.md"
BEGIN, END = "<!-- limits -->\n", "<!-- limits end -->\n"


def test_the_page_has_the_limits() -> None:
    rows = [f"| {limit.most:,} | {limit.what} | {limit.protects} |" for limit in limits.TABLE]
    table = "\n".join(["| at most | | protects |", "| --: | --- | --- |", *rows, ""])
    shown = PAGE.read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0]
    assert shown == table
    assert set(limits.TABLE) == {each for each in vars(limits).values() if type(each) is Limit}


def branch(project: Project, name: str, files: dict[str, str | bytes]) -> None:
    """A branch with some files, as it would be fetched."""
    project.run("git", "switch", "--quiet", "--create", name, "v1")
    for path, text in files.items():
        (project.path / path).parent.mkdir(parents=True, exist_ok=True)
        data = text if isinstance(text, bytes) else text.encode()
        (project.path / path).write_bytes(data)
    project.run("git", "add", "--all", "--force", *files)
    project.run("git", "commit", "--quiet", "--no-verify", "--message", name)
    project.run("git", "switch", "--quiet", "--force", "main")


LONG = "9" * 401


@pytest.mark.parametrize(
    ("path", "text", "why"),
    [
        ("m.json", f'{{"a": {LONG}}}', "401 digits of a whole number, and at most 250"),
        ("m.json", '{"a": %s}' % ("9" * 5000), "cannot be read: Exceeds the limit"),
        ("m.yaml", f"a: {LONG}", "401 digits"),
        ("m.yaml", f"a: 0x{'f' * 5000}", "5,002 digits"),
        ("m.yaml", f"? {LONG}\n: 1", "401 digits"),
        ("m.toml", f"a = {LONG}", "401 digits"),
        ("m.toml", f"a = 0x{'f' * 5000}", "6,021 digits"),
        ("m.py", f"A = {LONG}", "401 digits"),
        ("m.py", f"A = {{{LONG}: 1}}", "401 digits"),
        ("m.py", f"A = 0x{'f' * 5000}", "6,021 digits"),
        ("m.json", '{"a": ' * 200 + "1" + "}" * 200, "101 levels to which values nest"),
        ("m.json", "[" * 100_000, "m.json of x cannot be read: "),
        ("m.toml", "a = " + "[" * 5_000, "m.toml of x cannot be read: "),
        ("m.py", "A = " + "[" * 5_000, "m.py of x cannot be read: "),
        ("m.py", "A = " + "-" * 100_000 + "1", "m.py of x cannot be read: "),
        ("m.json", "[" + "1," * 500_000 + "1]", "names and values in a file"),
        ("m.yaml", "[" + "1," * 500_001 + "1]", "names and values in a file"),
        ("m.json", " " * 32_000_001, "32,000,001 bytes"),
    ],
)
def test_a_file_of_values_is_read_or_refused_in_one_line(path: str, text: str, why: str) -> None:
    with pytest.raises(Fault) as refused:
        parsed(text.encode(), path, "x")
    (line,) = str(refused.value).splitlines()
    assert line.startswith(f"{path} of x")
    assert why in line


def test_a_long_text_of_digits_is_no_number() -> None:
    assert parsed(f"a: '{LONG}'".encode(), "m.yaml", "x") == {"a": LONG}
    assert parsed(f'a = "{LONG}"'.encode(), "m.toml", "x") == {"a": LONG}


@pytest.mark.slow
@pytest.mark.fault(
    "a revision has whole numbers of 401 and 5,000 digits, floats such as 1e999, metrics without "
    "end, or a file that Git keeps as a thousandth of it",
    "refused in a line with file, size and limit; a float that is none has no value",
)
def test_figures_that_cannot_be_computed_with(versions: Project, strata: Strata) -> None:
    many = ", ".join(f'"m{at}": 1' for at in range(50_001))
    refused: dict[str, tuple[str, dict[str, str | bytes]]] = {
        "digits": ("401 digits", {"metrics/metrics.json": f'{{"test": {{"roc_auc": {LONG}}}}}'}),
        "hex": ("digits of", {"dvc.lock": f"schema: '2.0'\nstages: {{x: 0x{'f' * 5000}}}\n"}),
        "param": ("401 digits", {"params.yaml": f"data: {{months: 2}}\ntrain: {{skill: {LONG}}}"}),
        "many": ("50,001 params, or metrics", {"metrics/metrics.json": f"{{{many}}}"}),
        "spaces": ("bytes of a text file", {"metrics/metrics.json": " " * 32_000_001}),
        "comment": ("bytes of a text file", {"a/dvc.yaml": "#" + " " * 32_000_001}),
    }
    numbers = ("1e999", "-1e999", "NaN", "1e308", "-1e-320", "9" * 250)
    named = ", ".join(f'"m{at}": {each}, "m{at}_se": {each}' for at, each in enumerate(numbers))
    odd = f'{{"test": {{"roc_auc": 1e999, "roc_auc_se": {"9" * 250}, {named}}}}}'
    branch(versions, "odd", {"metrics/metrics.json": odd})
    for name, (why, files) in refused.items():
        branch(versions, name, files)
        said = strata(versions, "report", "--base", name, code=1)
        assert why in said, said
        assert next(iter(files)) in said
    assert "401 digits" in strata(versions, "compare", "digits", "v1", code=1)
    strata(versions, "report", "--base", "odd")
    versions.run("git", "switch", "--quiet", "odd")
    assert "test.m3 " in strata(versions, "status")
    assert "**no value**" in strata(versions, "report", "--base", "main", code=1)


HUNDRED = str(list(range(100)))


@pytest.mark.slow
@pytest.mark.fault(
    "a dvc.yaml whose foreach or matrix, with lists of its own or of any file of values, stands "
    "for 100,000,000 stages",
    "counted and refused before DVC makes them",
)
def test_stages_are_counted_before_they_are_made(versions: Project, strata: Strata) -> None:
    matrix = "\n    ".join(["matrix:", *(f"  d{at}: {HUNDRED}" for at in range(4))])
    named = "\n    ".join(["matrix:", *(f"  d{at}: ${{big.list}}" for at in range(4))])
    each = "foreach: ${big.list}\n    do: {cmd: 'echo ${item}'}"
    head, tail = "stages:\n  a:\n    ", "\n    cmd: 'echo ${item}'\n"
    lists, vars_ = f"big: {{list: {HUNDRED}}}\n", head + named + tail
    cases: dict[str, dict[str, str | bytes]] = {
        "plain": {"dvc.yaml": head + matrix + tail},
        "below": {"a/b/dvc.yaml": head + matrix + tail},
        "escaped": {"dvc.yaml": head + matrix.replace("matrix", '"m\\x61trix"') + tail},
        "params": {"dvc.yaml": vars_, "params.yaml": lists},
        "vars": {"dvc.yaml": f"vars: [{lists.strip()}]\n{vars_}"},
        "file": {"dvc.yaml": f"vars: [x.txt]\n{vars_}", "x.txt": lists},
        "json": {
            "dvc.yaml": f"vars: [x.json]\n{vars_}",
            "x.json": f'{{"big": {{"list": {HUNDRED}}}}}',
        },
    }
    for name, files in cases.items():
        branch(versions, name, files)
        (line,) = strata(versions, "get", name, "x", "-o", "x", code=1).splitlines()
        assert "dvc.yaml: 100,000,000 stages that foreach and matrix stand for, and at most" in line
    many = f"big: {{list: {list(range(10_001))}}}\n"
    branch(versions, "each", {"dvc.yaml": f"{head}{each}\n", "params.yaml": many})
    assert "10,001 stages" in strata(versions, "get", "each", "x", "-o", "x", code=1)
    one = f"{head}matrix: {{x: {HUNDRED}}}{tail}"
    branch(versions, "sum", {f"{at}/dvc.yaml": one for at in range(101)})
    assert "10,100 stages" in strata(versions, "get", "sum", "x", "-o", "x", code=1)
    branch(versions, "few", {"dvc.yaml": one})
    assert "is not an output of few" in strata(versions, "get", "few", "x", "-o", "x", code=1)
