"""A command runs of a revision what is declared of it, without the user's tokens, and no more."""

import argparse
from pathlib import Path

import pytest
from audit import audit, events
from project import ROOT, Project
from scoring_project import arrive, scores

from strata.arguments import COMMANDS
from strata.core import consent
from strata.core.errors import Fault
from strata.restore.checkout import without_tokens

# What a program of the stranger's does first: it says that it was run, and what it could see.
CANARY = (
    "import os, pathlib\n"
    "with pathlib.Path({place!r}, {name!r}).open('a') as file:\n"
    "    local = pathlib.Path('.dvc/config.local')\n"
    "    file.write(' '.join(os.environ) + ' ' + (local.read_text() if local.exists() else ''))\n"
)
PROGRAMS = {  # the stranger's, each by the file that it stands in
    "data.py": consent.PIPELINE,
    "evaluate.py": consent.PIPELINE,
    "score.py": consent.PREDICT,
    "export.py": consent.EXPORT,
    "arrive.py": consent.ARRIVE,
}
NEVER = ["sitecustomize.py", "conftest.py", "networkx.py", "gto.py"]
NEVER += ["dvc/__init__.py", "strata/__init__.py"]
SETTINGS = """
[tool.strata.release]
export = "python export.py"
[tool.strata.retrain]
arrive = "python arrive.py"
"""
TOKENS = {"GITHUB_TOKEN": "t", "AWS_SECRET_ACCESS_KEY": "s", "DB": "postgres://me:pw@host/db"}
REV = "stranger/main"


@pytest.fixture(scope="module")
def fetched(reproduced: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project with two models, and a fetched branch whose every file is a stranger's.

    Both held out other months. What the stranger's pipeline makes is in the cache.
    """
    folder = tmp_path_factory.mktemp("fetched")
    project = reproduced.copy(folder / "project")
    evaluate, text = project.path / "evaluate.py", (project.path / "evaluate.py").read_text()

    def hold_out(months: str) -> None:
        evaluate.write_text(text.replace('.glob("*.parquet")', f'.glob("*-0[{months}].parquet")'))

    hold_out("12")
    scores(project)
    arrive(project, 2, 0.3)
    project.run("git", "switch", "--quiet", "--create", "theirs")
    place = folder / "ran"
    place.mkdir()
    hold_out("34")
    for path, name in {**PROGRAMS, **dict.fromkeys(NEVER, "never")}.items():
        file = project.path / path
        file.parent.mkdir(exist_ok=True)
        old = file.read_text() if file.is_file() else ""
        file.write_text(CANARY.format(place=str(place), name=name) + old)
    settings = project.path / "pyproject.toml"
    settings.write_text(settings.read_text() + SETTINGS)
    for path, line in {
        ".gitattributes": "* filter=evil diff=evil merge=evil\n",
        ".gitmodules": '[submodule "x"]\n\tpath = x\n\turl = ./x\n\tupdate = rebase\n',
        ".pre-commit-config.yaml": "repos: []\n",
    }.items():
        (project.path / path).write_text(line)
    arrive(project, 4, 3.0)
    project.run("git", "update-ref", f"refs/remotes/{REV}", "HEAD")
    project.run("git", "switch", "--quiet", "--force", "main")
    project.run("git", "branch", "--quiet", "--delete", "--force", "theirs")
    project.run("dvc", "checkout", "--quiet")
    project.run("strata", "bundle", "HEAD", "-o", str(folder / "bundle"))
    for canary in place.iterdir():
        canary.unlink()
    return project


class Audited:
    """A project whose commands are watched."""

    def __init__(self, fetched: Project, folder: Path) -> None:
        self.ran, self.env = fetched.path.parent / "ran", audit(folder / "audit")
        (folder / "tmp").mkdir()
        env = self.env | {"TMPDIR": str(folder / "tmp")}
        project = fetched.copy(folder / "project")
        self.project = Project(project.path, project.env | TOKENS | env)
        local = "['remote \"own\"']\nurl = s3://own\nsecret_access_key = hunter2\n"
        (project.path / ".dvc/config.local").write_text(local)
        self.allowed: list[str] = [*(project.env[name] for name in ("HOME", "DVC_SITE_CACHE_DIR"))]
        self.allowed += [str(folder), "/dev/"]

    def run(self, *words: str) -> dict[str, set[str]]:
        """Run a command of strata's, whatever comes of it.

        Which programs of the stranger have run, each with the variables that it could see, and the
        words of the settings beside it.
        """
        Path(self.env["AUDIT_LOG"]).write_text("")
        self.project.run("sh", "-c", 'strata "$@" || true', "sh", *words)
        files = list(self.ran.iterdir())
        seen = {file.name: set(file.read_text().split()) for file in files}
        for file in files:
            file.unlink()
        return seen

    def events(self, kind: str) -> list[list[str]]:
        return events(self.env, kind)


@pytest.fixture
def audited(fetched: Project, tmp_path: Path) -> Audited:
    return Audited(fetched, tmp_path)


READERS: dict[str, list[list[str]]] = {  # what runs nothing of a revision, each way to call it
    "status": [[]],
    "report": [["--base", REV], ["--base", REV, "--html", "../page.html"]],
    "compare": [[REV, "main"], ["main", REV]],
    "models": [[], ["--html", "../page.html"]],
    "look": [["data/raw", "--rev", REV]],
    "doctor": [[]],
    "hook": [["post-checkout", "main", REV, "1"], ["fresh-lock"], ["no-secrets"]],
    "verify-release": [["../bundle"]],
    "gc": [["--dry-run"], ["--yes"]],
    "storage": [["../store"]],
}


def test_each_command_is_either_declared_or_called_here() -> None:
    quiet = {name for name, runs in consent.RUNS.items() if not runs.options}
    assert set(COMMANDS) == quiet | set(READERS)
    assert not quiet & set(READERS)
    assert set(COMMANDS) == {*RUNNERS, *READERS}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("names", "checked_out"),
    [
        (["status", "report", "compare", "models"], False),  # what a reviewer runs
        pytest.param([*READERS], False, marks=pytest.mark.thorough),
        pytest.param([*READERS], True, marks=pytest.mark.thorough),
    ],
)
@pytest.mark.fault(
    "every file and program of a fetched branch is a stranger's, and each command that is declared "
    "to run none is aimed at it; then it is checked out",
    "no program but git, gh and DVC starts, no address is asked, nothing else is written "
    "to; an audit hook in each Python process sees it",
)
def test_what_is_declared_to_run_nothing_does_not(
    audited: Audited, names: list[str], checked_out: bool
) -> None:
    audited.project.run("git", "tag", "HEAD", REV)
    if checked_out:
        audited.project.run("git", "switch", "--quiet", "--detach", REV)
        audited.project.run("dvc", "checkout", "--quiet")
    tools = ["git", "gh", "fc-list"]  # the last by matplotlib, which asks it for fonts
    for name in names:
        for words in READERS[name]:
            assert audited.run(name, *words) == {}, (name, words)
            assert audited.events("connect") == [], name
            started = [each for each in audited.events("start") if Path(each[0]).name not in tools]
            assert [each for each in started if each[1] != "-P"] == [], name  # but our own dvc
            written = [path for (path,) in audited.events("write")]
            assert written or name in ("doctor", "verify-release", "hook"), name
            assert [path for path in written if not path.startswith((*audited.allowed,))] == []


RUNNERS: dict[str, list[list[str]]] = {
    "verify": [[REV]],
    "restore": [["--rebuild", REV]],
    "get": [["--rebuild", REV, "models/model.txt", "-o", "../got"]],
    "predict": [["data/raw/2013-01.parquet", "--rev", REV, "-o", "../out.parquet"]],
    "compare": [[REV, "main", "--rebuild"], ["main", REV, "--on", "data/raw"]],
    "report": [["--base", REV, "--rebuild"]],
    "monitor": [["--champion", REV]],
    "bundle": [[REV, "-o", "../new"]],
    "repro": [["--force"]],
    "seeds": [["2"]],
    "sweep": [["--name", "s", "-S", "train.skill=1.5"]],
    "release": [[]],
    "retrain": [["-o", "../proposal"]],
    "adopt": [["data/raw/2013-01.parquet", "--target", "label", "--yes"]],
}
CHECKED_OUT = {"repro", "seeds", "sweep", "release", "retrain", "adopt"}  # what these are aimed at
SURE = {("verify", consent.PIPELINE), ("predict", consent.PREDICT), ("bundle", consent.EXPORT)}
SURE |= {("compare", consent.PREDICT), ("retrain", consent.ARRIVE)}


@pytest.mark.slow
@pytest.mark.thorough
@pytest.mark.fault(
    "every program of a fetched branch is a stranger's, and a command that runs some is aimed at "
    "it, with tokens in the environment",
    "it runs what is declared, and that sees no token unless it was checked out",
)
def test_what_runs_is_what_is_declared_and_sees_no_token(audited: Audited) -> None:
    ran = set()
    for name, calls in RUNNERS.items():
        for words in calls:
            if name in CHECKED_OUT:
                audited.project.run("git", "switch", "--quiet", "--force", "--detach", REV)
            seen = audited.run(name, *words)
            assert set(seen) <= set(consent.RUNS[name].programs), (name, words)
            tokens = {each for names in seen.values() for each in names} & {*TOKENS, "hunter2"}
            assert bool(tokens) == (name in CHECKED_OUT and bool(seen)), (name, words)
            ran |= {(name, program) for program in seen}
        audited.project.run("git", "switch", "--quiet", "--force", "main")
    assert ran >= SURE


@pytest.mark.slow
def test_what_was_checked_out_is_run_with_the_tokens(audited: Audited) -> None:
    assert not audited.run("verify", REV)[consent.PIPELINE] & {*TOKENS, "hunter2"}
    audited.project.run("git", "switch", "--quiet", "--force", "--detach", REV)
    assert audited.run("verify")[consent.PIPELINE] >= set(TOKENS)
    rows = "data/raw/2013-01.parquet"
    assert audited.run("predict", rows, "-o", "../out.parquet")[consent.PREDICT] >= set(TOKENS)


def test_a_failure_names_what_was_withheld(audited: Audited) -> None:
    project = audited.project
    project.run("git", "switch", "--quiet", "--detach", REV)
    (project.path / "score.py").write_text("import os; os.environ['GITHUB_TOKEN']")
    commit = project.commit("Needs a token")
    project.run("git", "switch", "--quiet", "main")
    words = ("predict", "data/raw/2013-01.parquet", "--rev", commit, "-o", "../out.parquet")
    said = project.run("strata", *words, fails=True)
    assert "It ran without AWS_SECRET_ACCESS_KEY, DB, GITHUB_TOKEN, as does any revision" in said


def test_a_variable_that_holds_a_secret_is_told_by_its_name_or_its_address() -> None:
    kept = {"PATH": "/bin", "KEYBOARD": "us", "TOKENIZERS_PARALLELISM": "1", "URL": "http://host/a"}
    kept |= {"MONKEY": "x", "OMP_NUM_THREADS": "1", "HOME": "/home/me", "X": "ssh://git@host"}
    gone = ["HF_TOKEN", "AWS_PROFILE", "WANDB_API_KEY", "SSH_AUTH_SOCK", "DB_PASSWORD", "AZURE_X"]
    gone += ["GOOGLE_APPLICATION_CREDENTIALS", "CLIENT_SECRET", "token"]
    secret = dict.fromkeys(gone, "x") | {"DATABASE_URL": "postgres://me:pw@host/db"}
    assert without_tokens(kept | secret) == kept


def test_what_is_not_granted_is_refused() -> None:
    with pytest.raises(Fault, match="may not run"):
        consent.check(consent.PIPELINE)
    asked = argparse.Namespace(on=None, rebuild=False)
    with (
        consent.granted("compare", asked),
        pytest.raises(Fault, match="as it was called"),
    ):
        consent.check(consent.PREDICT)
    asked.rebuild = True
    with consent.granted("compare", asked):
        consent.check(consent.PREDICT)


def test_the_docs_have_the_table_of_what_runs() -> None:
    page = ROOT / "docs/security.md"
    if not page.is_file():
        pytest.skip("a project of its own has no docs of the template's")
    assert consent.table(COMMANDS) in page.read_text(encoding="utf-8")
