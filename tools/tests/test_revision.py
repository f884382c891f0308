"""What a revision says of itself, and what is said where it cannot be read or proven."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import zoo
from project import Project, Strata, free_port, push_of, sources, state
from tiny import forget

from strata import git
from strata.core.errors import Fault
from strata.dvc.revision import Absent, Offline, Revision, Unreadable
from strata.dvc.store import opened
from strata.git import refs

pytestmark = pytest.mark.slow


@pytest.fixture(scope="session")
def _plain(tmp_path_factory: pytest.TempPathFactory) -> Project:
    folder = tmp_path_factory.mktemp("plain")
    return zoo.create(folder / "project", dict(os.environ), zoo.plain())


@pytest.fixture
def plain(_plain: Project, tmp_path: Path) -> Project:
    """A fresh copy of the plainest repository of the zoo."""
    return _plain.copy(tmp_path / "project")


def read(project: Project, commit: str, path: str) -> Path:
    with opened(project.path) as store:
        return Revision(store, refs.commit_of(commit, project.path)).local(path)


def drop_cache(project: Project) -> None:
    shutil.rmtree(project.path / ".dvc/cache")


def test_absent_unreadable_and_offline_are_three_answers(plain: Project) -> None:
    assert read(plain, "v1", "model.txt").read_text() == "0.5\n"
    with pytest.raises(Absent, match=r"has no file nothing.txt"):
        read(plain, "v1", "nothing.txt")
    drop_cache(plain)
    with pytest.raises(Unreadable, match=r"model.txt of .* neither in the cache"):
        read(plain, "v1", "model.txt")
    plain.run("dvc", "remote", "add", "--default", "far", f"http://127.0.0.1:{free_port()}")
    with pytest.raises(Offline, match=r"model.txt of .* remote 'far'"):
        read(plain, "v1", "model.txt")


def test_what_the_cache_has_needs_no_remote(plain: Project, strata: Strata) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    plain.run("dvc", "remote", "add", "--default", "far", url)
    plain.commit("Name a remote that is down")
    new = state(plain)
    assert set(sources(strata(plain, "restore", "v1")).values()) == {"cache"}
    strata(plain, "restore", "-")
    assert state(plain) == new
    strata(plain, "report", "--base", "v1")
    strata(plain, "verify", "v1")
    said = strata(plain, "status", code=1)
    assert url in said
    assert "cannot be reached" in said
    assert "next: make the storage answer" in said
    arguments, given = push_of(plain)
    assert url in strata(plain, *arguments, given=given, code=1)


def test_an_import_whose_source_is_gone_is_named(tmp_path: Path, strata: Strata) -> None:
    project = zoo.create(tmp_path / "project", dict(os.environ), zoo.imported())
    new = state(project)
    shutil.rmtree(tmp_path / "source")
    strata(project, "restore", "v1")  # all of it is in the cache
    strata(project, "restore", "-")
    strata(project, "verify")
    strata(project, "status")
    drop_cache(project)
    with pytest.raises(Offline, match=r"comes from theirs.txt of ../source"):
        read(project, "v1", "theirs.txt")
    # What is in the workspace comes into the cache again before anything is moved.
    strata(project, "restore", "v1")
    strata(project, "restore", "-")
    assert state(project) == new

    forget(project)
    (project.path / "theirs.txt").unlink()
    said = strata(project, "restore", "v1", code=1)
    assert "theirs.txt (import of theirs.txt of ../source)" in said


@pytest.mark.thorough
def test_a_remote_that_only_serves_files(tmp_path: Path, strata: Strata) -> None:
    project = zoo.create(tmp_path / "project", dict(os.environ), zoo.get_started())
    new = state(project)
    store = tmp_path / "store"
    project.run("dvc", "remote", "add", "--default", "storage", str(store))
    shutil.copytree(project.path / ".dvc/cache", store)
    with zoo.served(store) as url:
        project.run("dvc", "remote", "modify", "storage", "url", url)
        project.commit("Serve the data")
        assert "next: nothing" in strata(project, "status")
        arguments, given = push_of(project)
        strata(project, *arguments, given=given)
        forget(project)
        found = sources(strata(project, "restore", "v1"))
        assert found["model.pkl"] == found["eval"] == "remote"
        strata(project, "restore", "-")
        assert state(project) == new

        clone = Project(tmp_path / "clone", project.env)
        project.run("git", "clone", "--quiet", str(project.path), str(clone.path))
        assert "reproduces" in strata(clone, "verify")  # with data of no stage from the remote
        strata(clone, "restore", "HEAD")
        assert state(clone) == new

        (path,) = (
            path
            for path in store.glob("files/*/*/*")
            if path.is_file()
            and b"min_split" in path.read_bytes()
            and path.read_bytes() != new["model.pkl"]
        )
        path.write_bytes(b"damaged")  # v1's model
        forget(clone)
        assert sources(strata(clone, "restore", "v1"))["model.pkl"] == "rebuilt"
        said = strata(clone, "status", "--remote", code=1)
        assert "damaged on the remote, which cannot be written: model.pkl" in said


def test_from_before_dvc_and_back(tmp_path: Path, strata: Strata) -> None:
    folder = tmp_path / "project"
    folder.mkdir()
    early = Project(folder, dict(os.environ))
    early.run("git", "init", "--quiet")
    (folder / "README.md").write_text("Begin\n")
    early.commit("Begin")
    early.run("git", "tag", "first")
    zoo.make(early, zoo.plain())
    project = early
    project.run("dvc", "remote", "add", "--default", "storage", "../store")
    project.commit("Store the data")
    project.run("dvc", "push", "--quiet")
    new = state(project)
    said = strata(project, "restore", "first")
    assert "DVC keeps nothing for this revision" in said
    assert set(state(project)) == {"README.md"}
    assert "this commit has no DVC" in strata(project, "status")
    shutil.rmtree(project.path / ".dvc")  # as in a fresh clone
    assert sources(strata(project, "restore", "-"))["model.txt"] == "remote"
    assert state(project) == new


def test_a_broken_file_is_named_and_bars_only_what_needs_it(tmp_path: Path, strata: Strata) -> None:
    project = zoo.create(tmp_path / "project", dict(os.environ), zoo.subfolders())
    new = state(project)
    for name, text in (("dvc.lock", "schema: '2.0'\nstages: [\n"), ("dvc.yaml", "stages: {a: 1}")):
        (project.path / "second" / name).write_text(text)
        commit = project.commit(f"Break {name}")
        for command in (["status"], ["restore", "HEAD"], ["verify"]):
            said = strata(project, *command, code=1)
            assert f"second/{name}" in said
            assert commit[:9] in said
        target = tmp_path / name
        strata(project, "get", "HEAD", "first/out.txt", "--output", str(target))
        assert target.read_bytes() == new["first/out.txt"]
        project.run("git", "reset", "--quiet", "--hard", "v2")
    assert state(project) == new


def test_yaml_that_is_not_dvcs_bars_nothing(plain: Project, strata: Strata) -> None:
    deep = "".join(" " * level + "a:\n" for level in range(500))
    (plain.path / "k8s").mkdir()
    for name in ("deep.yaml", "k8s/params.yaml", "k8s/config.yml"):
        (plain.path / name).write_text(deep)
    (plain.path / "old").mkdir()
    (plain.path / "old/dvc.yaml").write_text("stages: [\n")
    (plain.path / ".dvcignore").write_text("/old\n")
    plain.commit("YAML of others, and a pipeline that DVC is not to see")
    strata(plain, "status")
    strata(plain, "restore", "v1")
    strata(plain, "restore", "main")
    strata(plain, "verify")
    (plain.path / "dvc.yaml").write_text("vars: [deep.yaml]\n" + zoo.PLAIN)
    commit = plain.commit("Take values from it")
    for command in (["status"], ["restore", "HEAD"]):
        assert f"{commit[:9]}: deep.yaml: 101 levels" in strata(plain, *command, code=1)


LEFT_OUT = """
stages:
  make:
    cmd: mkdir -p model/sub && cp data.txt model/9.41\u202fAM.txt && date +%N > model/sub/run.tmp
    deps: [data.txt]
    outs: [model]
"""
MORE = """  more:
    cmd: mkdir -p more && cp data.txt more/data.txt
    outs: [more]
"""


@pytest.mark.fault(
    "files that .dvcignore leaves out of a folder, in a revision that leaves them out or does not",
    "not hashed, kept; or refused, by name",
)
def test_what_dvcignore_leaves_out_of_a_folder(tmp_path: Path, strata: Strata) -> None:
    v1 = {"dvc.yaml": LEFT_OUT, "data.txt": "1\n", ".dvcignore": "*.tmp\n.DS_Store\n"}
    shape = zoo.Shape(v1, {"dvc.yaml": LEFT_OUT + MORE, "data.txt": "22\n"})
    project = zoo.create(tmp_path / "project", dict(os.environ), shape)
    for name in ("model/.DS_Store", "more/.DS_Store", "model/sub/mine.tmp"):
        (project.path / name).write_text("mine")
    new = state(project)
    assert "reproduces" in strata(project, "verify")
    strata(project, "restore", "v1")
    old = state(project)
    assert old["model/9.41\u202fAM.txt"] == b"1\n"
    mine = {n: data for n, data in new.items() if n.endswith((".DS_Store", ".tmp"))}
    assert {n: data for n, data in old.items() if n.endswith((".DS_Store", ".tmp"))} == mine
    assert "more/data.txt" not in old
    assert "up to date" in project.run("dvc", "status")
    assert "dvc.lock: fresh" in strata(project, "status")
    drop_cache(project)
    strata(project, "restore", "main")  # the model is stored, the rest made again
    assert state(project) == new

    text = (project.path / ".dvcignore").read_text()
    (project.path / ".dvcignore").write_text(f"{text}*AM.txt\n")
    project.commit("Leave out what a list of files names")
    strata(project, "restore", "v1")
    strata(project, "restore", "main")
    (project.path / "model/9.41\u202fAM.txt").unlink()
    (project.path / "model/9.41\u202fAM.txt").write_text("mine")
    assert "9.41" in strata(project, "restore", "HEAD", code=1)
    assert project.read("model/9.41\u202fAM.txt") == b"mine"

    (project.path / ".dvcignore").write_text("# nothing\n")
    shutil.rmtree(project.path / "model")
    project.run("dvc", "repro", "--quiet")
    project.commit("Leave nothing out")
    project.run("git", "tag", "all")
    project.run("git", "switch", "--quiet", "--detach", "v2")
    project.run("dvc", "checkout", "--quiet")
    (project.path / "model/.DS_Store").write_text("mine")
    before = state(project)
    said = strata(project, "restore", "all", code=1)
    assert "model/.DS_Store" in said
    assert "move it elsewhere" in said
    assert state(project) == before


FOLDER = """
stages:
  make:
    cmd: mkdir -p model && echo "$HERE" > model/weights.txt && cp data.txt model/same.txt
    deps: [data.txt]
    outs: [model]
"""


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A model whose bytes hold a word of the machine, and no metric; its cache is lost."""
    monkeypatch.setenv("HERE", "mars")
    shape = zoo.Shape({"dvc.yaml": FOLDER, "data.txt": "1\n"}, {"data.txt": "22\n"})
    project = zoo.create(tmp_path / "project", dict(os.environ), shape)
    monkeypatch.setenv("HERE", "venus")
    return project


def test_a_rebuild_that_differs_and_has_no_metrics_is_refused(
    elsewhere: Project, strata: Strata, tmp_path: Path
) -> None:
    drop_cache(elsewhere)
    before = state(elsewhere)
    said = strata(elsewhere, "restore", "v1", code=1)
    assert "names no metric to judge them by: NOT proven" in said
    assert "the workspace is at main, as it was" in said
    assert state(elsewhere) == before
    assert elsewhere.run("git", "status", "--porcelain") == ""
    target = tmp_path / "got"
    said = strata(elsewhere, "get", "v1", "model", "--output", str(target), code=1)
    assert "NOT proven" in said
    assert not target.exists()


def test_verify_names_the_files_that_differ(elsewhere: Project, strata: Strata) -> None:
    said = strata(elsewhere, "verify", code=1)
    assert "  in model: model/weights.txt\n" in said
    assert "does NOT reproduce" in said


def test_verify_says_what_it_did_not_run(tmp_path: Path, strata: Strata) -> None:
    project = zoo.create(tmp_path / "project", dict(os.environ), zoo.frozen())
    said = strata(project, "verify")
    assert "old.txt    not executed" in said
    assert "reproduces; 1 not executed, so not proven" in said


@pytest.mark.parametrize("shape", [zoo.plain, zoo.monorepo])
def test_status_names_outputs_that_are_not_the_commits(
    tmp_path: Path, strata: Strata, shape: Callable[[], zoo.Shape]
) -> None:
    project = zoo.create(tmp_path / "project", dict(os.environ), shape())
    (project.path / "model.txt").write_text("mine\n")
    said = strata(project, "status")
    assert "not what this commit names: model.txt" in said
    assert "next: nothing" not in said
    before = state(project)
    assert "model.txt" in strata(project, "restore", "v1", code=1)
    assert state(project) == before


@pytest.mark.fault(
    "dvc.yaml is broken, and one asks for models, metrics, plots or a file",
    "cannot be read; never that there are none",
)
def test_a_broken_file_is_never_taken_for_nothing(versions: Project, strata: Strata) -> None:
    versions.run("git", "tag", "--annotate", "--message", "x", "tiny@v0.1.0", "v1")
    whole = versions.read("dvc.yaml").decode()
    (versions.path / "dvc.yaml").write_text("stages: [\n" + whole)
    broken = versions.commit("Break dvc.yaml")
    for command in (
        ["models"],
        ["models", "--html", "page.html"],
        ["release"],
        ["bundle", "-o", "out"],
        ["look", "data/raw", "--rev", "HEAD"],
        ["get", "HEAD", "models/model.txt", "-o", "out"],
        ["monitor"],
    ):
        said = strata(versions, *command, code=1)
        assert "dvc.yaml of " in said, command
        assert "cannot be read" in said, command
    with opened(versions.path) as store:
        this = Revision(store, broken)
        for name in ("models", "metric_files", "plots", "pin_files", "metrics", "params"):
            with pytest.raises(Unreadable, match=r"dvc\.yaml of .* cannot be read"):
                getattr(this, name)
        for path in ("data/raw", "nothing.txt"):
            with pytest.raises(Unreadable, match=r"dvc\.yaml of .* cannot be read"):
                this.paths(path)
        assert this.paths("train.py") == ["train.py"]

    (versions.path / "dvc.yaml").write_text(whole.partition("artifacts:")[0])
    versions.commit("Name no model")
    assert "tiny" in strata(versions, "models")  # its tags are there
    versions.run("git", "tag", "--annotate", "--message", "x", "tiny@v0.2.0", broken)
    strata(versions, "models", "--html", "page.html")
    page = versions.read("page.html").decode()
    assert "The card of v0.2.0 cannot be read: dvc.yaml of " in page
    assert "README beside" not in page


def test_a_file_that_git_has_lost_is_not_absent(versions: Project) -> None:
    oid = versions.run("git", "rev-parse", "HEAD:params.yaml").strip()
    path = versions.path / ".git/objects" / oid[:2] / oid[2:]
    assert git.blob(versions.path, "HEAD", "nothing.txt") is None
    assert git.blob(versions.path, "HEAD", "models") is None  # a folder
    assert git.blob(versions.path, "HEAD", "../outside") is None
    assert git.blob(versions.path, "HEAD", "params.yaml") == versions.read("params.yaml")
    path.chmod(0o644)
    path.unlink()
    for name, commit in (("params.yaml", "HEAD"), ("README.md", "0" * 40)):
        with pytest.raises(Fault, match=name):
            git.blob(versions.path, commit, name)
