"""`strata gc` keeps what anyone can still name, and says what it cannot know."""

import contextlib
import hashlib
import os
import random
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import zoo
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from project import PATIENCE, Project, Strata, kill, run_queue, sandbox

pytestmark = pytest.mark.slow

STRAY = b"nobody's"
AIM = "--metric score --direction maximize"
ODD = "a\u2028b\u0085c\x0cd"  # what str.splitlines takes for line ends


def cached(project: Project, data: bytes) -> Path:
    """Where the cache keeps these bytes."""
    oid = hashlib.md5(data).hexdigest()
    return project.path / ".dvc/cache/files/md5" / oid[:2] / oid[2:]


def keep(project: Project, data: bytes = STRAY) -> Path:
    """Put bytes into the cache, and return where they are."""
    path = cached(project, data)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


@pytest.mark.fault(
    "`strata gc` where a stage is gone from dvc.yaml, a lock is staged, stashed, broken or in "
    "another worktree",
    "what they name is kept",
)
def test_what_only_a_lock_names_is_kept(versions: Project, strata: Strata, tmp_path: Path) -> None:
    kept = []

    def model(skill: float) -> None:
        versions.set(**{"train.skill": skill})
        versions.run("dvc", "repro", "--quiet")
        kept.append(cached(versions, versions.read("models/model.txt")))

    def back() -> None:
        versions.run("git", "reset", "--quiet", "--hard")
        versions.run("dvc", "checkout", "--quiet")

    model(3.0)  # in a lock whose dvc.yaml no longer has the stage
    yaml = (versions.path / "dvc.yaml").read_text()
    (versions.path / "dvc.yaml").write_text("stages: {}\n")
    versions.commit("No stages, and a lock that stands")
    (versions.path / "dvc.yaml").write_text(yaml)
    versions.commit("Stages again")
    model(4.0)
    versions.run("git", "stash", "--quiet")
    back()
    model(5.0)
    text = (versions.path / "dvc.lock").read_text()
    (versions.path / "dvc.lock").write_text("<<<<<<< x\n" + text)
    versions.commit("A broken lock")
    versions.run("git", "reset", "--quiet", "--hard", "HEAD~1")
    back()
    model(6.0)  # staged only, and in a worktree
    lock = versions.read("dvc.lock")
    back()
    versions.run("git", "worktree", "add", "--quiet", "--detach", str(tmp_path / "tree"))
    (tmp_path / "tree/dvc.lock").write_bytes(lock)
    versions.run("git", "-C", str(tmp_path / "tree"), "add", "dvc.lock")
    (tmp_path / "tree/dvc.lock").write_text("gone from the file\n")
    stray = keep(versions)

    assert "1 objects" in strata(versions, "gc", "--dry-run")
    assert stray.exists()
    strata(versions, "gc", "--yes")
    assert not stray.exists()
    assert all(path.exists() for path in kept)
    assert len(set(kept)) == 4


@pytest.mark.fault("`strata gc` after the branch of a release is gone", "its data and model stay")
@pytest.mark.parametrize("tag", ["tiny@v0.1.0", "tiny#prod#1"])
@pytest.mark.parametrize("options", [[], ["--with", "."]])
def test_a_release_keeps_its_data_and_model_when_only_its_tag_is_left(
    versions: Project, strata: Strata, tag: str, options: list[str]
) -> None:
    versions.set(**{"data.months": 3, "train.skill": 4.5})
    versions.run("dvc", "repro", "--quiet")
    model, months = (
        versions.read("models/model.txt"),
        sorted(path.read_bytes() for path in (versions.path / "data/raw").iterdir()),
    )
    versions.commit("Release this")
    versions.run("git", "tag", "--annotate", "--message", tag, tag)
    versions.run("git", "reset", "--quiet", "--hard", "HEAD~1")
    versions.run("dvc", "checkout", "--quiet")
    versions.run("git", "reflog", "expire", "--expire=now", "--all")
    versions.run("git", "gc", "--quiet", "--prune=now")
    stray = keep(versions)
    strata(versions, "gc", "--yes", *options)
    assert not stray.exists()
    assert all(cached(versions, data).exists() for data in (model, *months))
    table = strata(versions, "get", tag, "models/model.txt", "-o", str(versions.path / "old"))
    assert "cache" in table
    assert versions.read("old") == model


@pytest.mark.fault("`strata gc` in a shallow clone, or of a cache that others share", "refused")
def test_what_cannot_be_known_is_refused(versions: Project, strata: Strata, tmp_path: Path) -> None:
    shallow = Project(tmp_path / "shallow", versions.env)
    url = f"file://{versions.path}"
    versions.run("git", "clone", "--quiet", "--depth", "1", url, str(shallow.path))
    assert "this clone is shallow" in strata(shallow, "gc", "--yes", code=1)

    other = versions.copy(tmp_path / "other" / "project")
    for clone in (versions, other):
        clone.run("dvc", "cache", "dir", "--local", str(tmp_path / "shared"))
    other.set(**{"train.skill": 9.0})
    other.run("dvc", "repro", "--quiet")
    other.commit("Only here")
    versions.run("dvc", "repro", "--quiet", "--force")
    model = hashlib.md5(other.read("models/model.txt")).hexdigest()
    theirs = tmp_path / "shared/files/md5" / model[:2] / model[2:]
    assert "--with CLONE" in strata(versions, "gc", "--yes", code=1)
    assert theirs.exists()
    strata(versions, "gc", "--yes", "--with", str(other.path))
    assert theirs.exists()


@pytest.fixture
def waiting(tmp_path: Path) -> Project:
    """A repository whose one stage writes an output, and then waits for the file ``go``."""
    wait = f"touch started; while ! test -e {tmp_path}/go; do sleep .05; done"
    stage = f"echo ${{lr}} > model.txt; {wait}; echo score: 1 > score.yaml"
    yaml = f"stages:\n  fit:\n    cmd: '{stage}'\n    outs: [model.txt]\n"
    yaml += "    metrics: [score.yaml: {cache: false}]\n"
    files = {"dvc.yaml": yaml, "params.yaml": "lr: 1\n"}
    (tmp_path / "go").touch()
    project = zoo.create(
        tmp_path / "project", sandbox(tmp_path / "home"), zoo.Shape(files, {"more.txt": "more"})
    )
    (tmp_path / "go").unlink()
    return project


@contextlib.contextmanager
def at_work(project: Project, *command: str, stage: str) -> Iterator["subprocess.Popen[bytes]"]:
    """A command that is in the middle of the stage; it is let go at the end of the block."""
    with subprocess.Popen(
        command, cwd=project.path, env=project.env, stdout=subprocess.DEVNULL
    ) as process:
        try:
            while not any(project.path.glob(stage)):
                assert not process.poll(), command  # `dvc queue start` ends at once
            yield process
        finally:
            (project.path.parent / "go").touch()


@pytest.mark.fault(
    "`strata gc` during a sweep, or `dvc exp run --temp`",
    "refused, and what they have made restores",
)
@pytest.mark.parametrize(
    ("command", "stage"),
    [
        (f"strata sweep --name s -S lr=2 {AIM}", ".dvc/tmp/sweeps/*/*/clone/started"),
        ("dvc exp run --temp -S lr=2 --name s-1", ".dvc/tmp/exps/*/*/started"),
    ],
)
def test_a_command_at_work_elsewhere_bars_it(
    waiting: Project, strata: Strata, command: str, stage: str
) -> None:
    with at_work(waiting, *command.split(), stage=stage):
        stray = keep(waiting)
        said = strata(waiting, "gc", "--yes", code=1)
        assert re.search(r"at work on (the|this) cache.*: wait for its end", said)
        assert stray.exists()
    strata(waiting, "gc", "--yes")
    assert not stray.exists()
    strata(waiting, "restore", "s-1")
    assert waiting.read("model.txt") == b"2\n"


@pytest.mark.fault("`strata gc` after a command that held the cache was killed", "it goes on")
def test_a_killed_command_does_not_bar_it(waiting: Project, strata: Strata) -> None:
    stray = keep(waiting)
    with at_work(waiting, "strata", "repro", "--force", stage="started") as process:
        process.kill()
        process.wait()
        (waiting.path.parent / "go").touch()
    strata(waiting, "gc", "--yes")
    assert not stray.exists()


def test_a_clone_that_shares_the_cache_bars_it(
    waiting: Project, strata: Strata, tmp_path: Path
) -> None:
    stray = keep(waiting)
    waiting.run("git", "clone", "--quiet", ".", str(tmp_path / "other"))
    other = Project(tmp_path / "other", waiting.env)
    other.run("dvc", "cache", "dir", "--local", str(waiting.path / ".dvc/cache"))
    for command in (["strata", "repro"], ["dvc", "repro", "--force"]):
        (other.path / "started").unlink(missing_ok=True)
        (tmp_path / "go").unlink(missing_ok=True)
        with at_work(other, *command, "--force", stage="started"):
            assert "wait for its end" in strata(waiting, "gc", "--yes", code=1)
    strata(waiting, "gc", "--yes", "--with", str(other.path))
    assert not stray.exists()


@pytest.mark.thorough
def test_a_trial_of_the_queue_that_waits_bars_it(waiting: Project, strata: Strata) -> None:
    waiting.run("dvc", "exp", "run", "--queue", "-S", "lr=2", "--name", "s-1")
    with at_work(waiting, "dvc", "queue", "start", stage=".dvc/tmp/exps/*/started"):
        stray = keep(waiting)
        assert "wait for its end" in strata(waiting, "gc", "--yes", code=1)
        assert stray.exists()
    run_queue(waiting, 1)
    strata(waiting, "gc", "--yes")
    strata(waiting, "restore", "s-1")


@pytest.mark.fault(
    "`strata gc` where an old lock also lies under another name, or a path has U+2028 in it",
    "what they name is kept",
)
def test_names_do_not_matter(versions: Project, strata: Strata) -> None:
    (versions.path / "archive").mkdir()
    lock = versions.run("git", "show", "v1:dvc.lock")
    (versions.path / "archive/lock-of-v1.yaml").write_text(lock)
    model = cached(versions, b"1.0 0\n")
    (versions.path / f"{ODD}.txt").write_text("odd")
    versions.run("dvc", "add", "--quiet", f"{ODD}.txt")
    versions.commit("Archive a lock, and add a file with an odd name")
    versions.run("git", "rm", "--quiet", f"{ODD}.txt.dvc")
    versions.commit("Remove it")
    stray = keep(versions)
    strata(versions, "gc", "--yes")
    assert not stray.exists()
    assert model.exists()
    assert cached(versions, b"odd").exists()


@pytest.mark.fault("`strata gc` where an object of Git's is missing or damaged", "removes nothing")
@pytest.mark.parametrize("damaged", [False, True])
def test_git_has_to_be_whole(versions: Project, strata: Strata, damaged: bool) -> None:
    stray = keep(versions)
    blob = versions.run("git", "rev-parse", "v1:dvc.lock").strip()
    file = versions.path / ".git/objects" / blob[:2] / blob[2:]
    file.chmod(0o644)
    if damaged:
        file.write_bytes(file.read_bytes()[:40])
    else:
        file.unlink()
    said = strata(versions, "gc", "--yes", code=1)
    assert "not whole" in said
    assert stray.exists()


def test_a_damaged_list_of_files_removes_nothing(versions: Project, strata: Strata) -> None:
    stray = keep(versions)
    (folder,) = versions.path.glob(".dvc/cache/files/md5/*/*.dir")
    folder.chmod(0o644)
    folder.write_bytes(folder.read_bytes()[:-9])
    assert f"{folder.name}, is damaged" in strata(versions, "gc", "--yes", code=1)
    assert stray.exists()


def test_what_a_rebase_has_put_aside_is_kept(versions: Project, strata: Strata) -> None:
    """It is noted in a file of Git's own, and no reference names it."""
    (versions.path / "own.txt").write_text("own work")
    versions.run("dvc", "add", "--quiet", "own.txt")
    versions.run("git", "add", "own.txt.dvc", ".gitignore")
    versions.run("git", "-c", "sequence.editor=sed -i 1ibreak", "rebase", "-i", "--autostash", "v1")
    (versions.path / "own.txt").unlink()
    assert not (versions.path / "own.txt.dvc").exists()
    strata(versions, "gc", "--yes")
    assert cached(versions, b"own work").exists()


# Random histories

PLACES = ["a.dvc", "b/a.dvc", "dvc.lock", "b/dvc.lock", f"{ODD}.dvc", "x y/ü.dvc", "old-lock.yaml"]
STEPS = [
    "write",
    "copy",
    "move",
    "remove",
    "commit",
    "stash",
    "branch",
    "tag",
    "worktree",
    "forget",
]
Step = tuple[str, int, int]
OUT = re.compile(r"path: (?:model\.txt|out\d+)\n\s+hash: md5\n\s+md5: (\w{32})")


def take(project: Project, step: Step, number: int) -> None:
    """One step of a history; one that cannot be taken changes nothing."""
    what, one, two = step
    file, other = project.path / PLACES[one], project.path / PLACES[two]
    commands: list[str] = []
    if what == "write":
        data = f"data {number}".encode()
        keep(project, data)
        file.parent.mkdir(exist_ok=True)
        oid = hashlib.md5(data).hexdigest()
        file.write_text(f"outs:\n- path: out{number}\n  hash: md5\n  md5: {oid}\n")
    elif what in ("copy", "move") and file.exists() and file != other:
        other.parent.mkdir(exist_ok=True)
        other.write_bytes(file.read_bytes())
        if what == "move":
            file.unlink()
    elif what == "remove":
        file.unlink(missing_ok=True)
    elif what == "commit":
        commands = ["add --all", f"commit --quiet --message {number}"]
    elif what == "stash":
        commands = [("add --all", "stash --quiet", "stash --quiet --include-untracked")[one % 3]]
    elif what == "branch":
        commands = [f"switch --quiet --force-create branch{one % 3} HEAD~{two % 3}"]
    elif what == "tag":
        commands = [f"tag --annotate --message x t{number}", "reset --quiet --hard HEAD~1"]
        commands += [f"update-ref refs/exps/00/{'0' * 38}/e{number} t{number}^{{}}"] * (one % 2)
    elif what == "worktree":
        commands = [f"worktree add --quiet -B tree{one % 2} ../tree{one % 2}"]
    elif what == "forget":
        commands = ["reflog expire --expire=now --all", "gc --quiet --prune=now"]
    for command in commands:
        subprocess.run(
            ["git", *command.split()],
            cwd=project.path,
            env=project.env,
            capture_output=True,
            check=False,
        )


def revisions(project: Project) -> list[str]:
    """All commits that anything names, stashes and their untracked files among them."""
    return project.run("git", "rev-list", "--all", "--reflog").split()


def needed(project: Project, commit: str) -> set[str]:
    """The hashes that the .dvc files and locks of a commit name."""
    listed = project.run("git", "ls-tree", "-r", "-z", "--name-only", commit).split("\0")[:-1]
    files = [name for name in listed if name.endswith((".dvc", "dvc.lock"))]
    texts = [project.run("git", "show", f"{commit}:{name}") for name in files]
    return {oid for text in texts for oid in OUT.findall(text)}


def lose_nothing(project: Project, steps: list[Step], strata: Strata) -> None:
    """Take the steps, free space, and look for all that any commit, or a worktree, names."""
    for name, text in zoo.DVC.items():
        (project.path / name).parent.mkdir(parents=True, exist_ok=True)
        (project.path / name).write_text(text)
    project.run("git", "init", "--quiet")
    for number, step in enumerate([("write", 0, 0), ("commit", 0, 0), *steps]):
        take(project, step, number)
    stray = keep(project)
    wanted = {oid for commit in revisions(project) for oid in needed(project, commit)}
    for tree in (project.path, *project.path.parent.glob("tree?")):
        for file in [*tree.rglob("*.dvc"), *tree.rglob("dvc.lock")]:
            wanted.update(OUT.findall(file.read_text()) if file.is_file() else ())
    strata(project, "gc", "--yes")
    assert not stray.exists()
    cache = project.path / ".dvc/cache/files/md5"
    assert not [oid for oid in wanted if not (cache / oid[:2] / oid[2:]).exists()]


STEP = st.tuples(st.sampled_from(STEPS), st.integers(0, 6), st.integers(0, 6))


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEP, min_size=4, max_size=14))
def test_no_history_loses_anything(steps: list[Step], strata: Strata) -> None:
    with tempfile.TemporaryDirectory() as folder:
        project = Project(Path(folder, "project"), sandbox(Path(folder, "home")))
        lose_nothing(project, steps, strata)


def test_a_file_of_dvcs_may_have_any_name(tmp_path: Path, strata: Strata) -> None:
    project = Project(tmp_path / "project", sandbox(tmp_path / "home"))
    lose_nothing(project, [("write", PLACES.index(f"{ODD}.dvc"), 0), ("commit", 0, 0)], strata)
    for commit in revisions(project):
        strata(project, "restore", commit)


@pytest.mark.thorough
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEP.filter(lambda step: step[0] not in ("copy", "worktree")), min_size=8))
def test_each_revision_restores_from_the_cache_alone(steps: list[Step], strata: Strata) -> None:
    with tempfile.TemporaryDirectory() as folder:
        project = Project(Path(folder, "project"), sandbox(Path(folder, "home")))
        lose_nothing(project, steps, strata)
        project.run("git", "stash", "--quiet", "--include-untracked")
        for commit in revisions(project):
            if project.run(
                "git", "ls-tree", commit, ".dvc"
            ):  # none in what a stash found untracked
                strata(project, "restore", commit)


# Beside others

BESIDE = [  # in the project, or in the clone; some make again what a lost experiment has made
    (0, "strata sweep --name s{n} -S lr=.{lr},.5 --jobs 2 --metric score --direction maximize"),
    (0, "dvc exp run --temp -S lr=.{lr} --name e{n}"),
    (0, "dvc exp run --queue -S lr=.{lr} --name q{n} && dvc queue start && sleep .5"),
    (0, "strata verify HEAD"),
    (1, "sed -i 's/lr: .*/lr: .{lr}/' params.yaml; strata repro && git commit -qam {n}"),
    (1, "dvc exp run -S lr=.{lr} --name c{n}"),
]


def sharing(path: Path) -> list[Project]:
    """A repository with two slow stages, and a clone of it that shares its cache."""
    first = zoo.create(path / "project", sandbox(path / "home"), zoo.SHAPES["plain"]())
    yaml = (first.path / "dvc.yaml").read_text()
    (first.path / "dvc.yaml").write_text(yaml.replace("cmd: ", "cmd: sleep .2 && ", 1))
    first.run("dvc", "repro", "--quiet")
    first.commit("Take a moment")
    first.run("git", "clone", "--quiet", ".", str(path / "clone"))
    clone = Project(path / "clone", first.env)
    clone.run("dvc", "cache", "dir", "--local", str(first.path / ".dvc/cache"))
    clone.run("dvc", "checkout", "--quiet")
    return [first, clone]


def clean_up(project: Project) -> None:
    """Take back what a command that was killed has left, and now and then its experiments."""
    for worker in psutil.process_iter(["cmdline", "cwd"]):
        if "queue-worker" in (worker.info["cmdline"] or []) and worker.info["cwd"] == str(
            project.path
        ):
            kill(worker.pid)
    shutil.rmtree(project.path / ".dvc/tmp/exps", ignore_errors=True)
    for lock in project.path.glob(".git/**/*.lock"):
        lock.unlink()
    (project.path / ".dvc/tmp/rwlock").unlink(missing_ok=True)
    project.run("git", "checkout", "--quiet", "--force", "main")
    project.run("dvc", "checkout", "--quiet", "--force")


@pytest.mark.thorough
@pytest.mark.fault(
    "`strata gc` at random moments beside sweeps, experiments apart, DVC's queue, `strata verify` "
    "and a clone with the same cache; half of them killed",
    "nothing that a commit, stash or experiment names is ever gone",
)
def test_nothing_is_lost_beside_others(
    tmp_path: Path, strata: Strata, request: pytest.FixtureRequest
) -> None:
    rounds = 200 if request.config.getoption("--fault-table") else 8
    both = sharing(tmp_path)
    chance, refused = random.Random(rounds), 0
    of_commit: dict[str, set[str]] = {}
    cache = both[0].path / ".dvc/cache/files/md5"

    def free(patience: float) -> bool:
        """Free space, once nobody is at work, and look for all that both repositories name."""
        deadline = time.monotonic() + patience
        stray = keep(both[0], b"%d" % chance.getrandbits(60))
        while True:
            with contextlib.suppress(AssertionError):  # somebody is at work
                strata(both[0], "gc", "--yes", "--with", str(both[1].path))
            for project in both:
                for commit in revisions(project):
                    if commit not in of_commit:
                        of_commit[commit] = needed(project, commit)
                    lost = [x for x in of_commit[commit] if not (cache / x[:2] / x[2:]).exists()]
                    assert not lost, f"{project.path}, {commit}: {lost}"
            if not stray.exists() or time.monotonic() > deadline:
                return not stray.exists()

    for number in range(rounds):
        where, command = chance.choice(BESIDE)
        project = both[where]
        process = subprocess.Popen(
            command.format(n=number, lr=chance.randint(1, 4)),
            cwd=project.path,
            env=project.env,
            shell=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            time.sleep(chance.uniform(0, 2))
            refused += not free(0)
            if chance.random() < 0.5:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, chance.choice([signal.SIGKILL, signal.SIGTERM]))
            while process.poll() is None:
                refused += not free(0)
        finally:
            if process.poll() is None:
                kill(process.pid)
                process.wait()
        for each in both:
            clean_up(each)
        assert free(PATIENCE)
        for ref in (
            both[where].run("git", "for-each-ref", "--format=%(refname)", "refs/exps").split()
        ):
            if chance.random() < 0.5 and "stash" not in ref:
                both[where].run("git", "update-ref", "-d", ref)
    assert refused
    request.node.user_properties.append(("figure", f" ({rounds} rounds, refused {refused} times)"))
