"""A restore under fault: killed at any moment, refused by Git or DVC, between two names."""

import os
import random
import re
import shlex
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
import zoo
from project import Project, Strata, heed_ctrl_c, sandbox, state

from strata import git
from strata.core.errors import Fault
from strata.dvc.store import command_in, opened

pytestmark = pytest.mark.slow

MINE = "mine.txt"  # untracked, and of the user's own
NOTE = ".git/strata-move.json"


def four(path: Path, shape: str) -> tuple[Project, dict[str, dict[str, bytes]]]:
    """A repository of the zoo with four revisions, tagged r1 to r4, and what each consists of.

    They differ in a hundred files of Git's and thirty of DVC's, so that a move takes a moment.
    """
    project = zoo.create(path / "project", sandbox(path / "home"), zoo.SHAPES[shape]())
    states = {}
    for number in range(1, 5):
        for count in range(100 if number != 3 else 50):
            file = project.path / f"many/{count}.txt"
            file.parent.mkdir(exist_ok=True)
            file.write_text(f"{number} {count} " * (50 * number))
        if number == 4:
            project.run("dvc", "remove", "--quiet", "raw.dvc", "--outs")
        else:
            for count in range(30):
                file = project.path / f"raw/{count}.bin"
                file.parent.mkdir(exist_ok=True)
                file.write_text(f"{number} {count} " * (500 * number))
            project.run("dvc", "add", "--quiet", "raw")
        project.commit(f"Revision {number}")
        project.run("git", "tag", f"r{number}")
        states[f"r{number}"] = state(project)
    (project.path / MINE).write_text("keep me")
    project.run("git", "config", "core.excludesFile", str(path / "ignore"))
    (path / "ignore").write_text("*.log\n")
    (project.path / "my.log").write_text("keep me, too")
    return project, states


def without_mine(project: Project) -> dict[str, bytes]:
    """The state but for what is the user's own, which must be there."""
    found = state(project)
    assert found.pop(MINE) == b"keep me"
    assert found.pop("my.log") == b"keep me, too"
    return found


def kill_some(project: Project, states: dict[str, dict[str, bytes]], strata: Strata, n: int) -> int:
    """Kill ``n`` restores at random moments; how many of them left a half-made move.

    After each, and the way back that ``strata status`` prints, one whole revision lies there.
    """
    chance, half = random.Random(n), 0
    top = Path(project.run("git", "rev-parse", "--show-toplevel").strip())
    strata(project, "restore", "r1")
    at = "r1"
    for _ in range(n):
        to = chance.choice([name for name in states if name != at])
        process = subprocess.Popen(
            ["strata", "restore", to],
            cwd=project.path,
            env=project.env,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=heed_ctrl_c,
        )
        if chance.random() < 0.8:  # while it moves the workspace
            while not (top / NOTE).exists() and process.poll() is None:
                time.sleep(0.001)
            time.sleep(chance.uniform(0, 0.06))
        else:
            time.sleep(chance.uniform(0, 1.5))
        number = chance.choice([signal.SIGTERM, signal.SIGINT, signal.SIGKILL, signal.SIGKILL])
        if process.poll() is None:
            (chance.choice([os.kill, os.killpg]))(process.pid, number)
        process.wait()
        if (top / NOTE).exists():
            half += 1
            said = strata(project, "status", code=1)
            way = re.search(
                chance.choice(
                    ["`(strata restore [^`]+)` goes back", "`(strata restore [^`]+)` goes on"]
                ),
                said,
            )
            assert way, said
            strata(project, *shlex.split(way[1])[1:])
        found = without_mine(project)
        head = project.run("git", "rev-parse", "HEAD")
        whole = [name for name in (at, to) if states[name] == found]
        assert whole, f"{signal.Signals(number).name} left neither {at} nor {to}"
        assert head == project.run("git", "rev-parse", f"{whole[0]}^{{commit}}")
        changed = [
            c for c in project.run("git", "status", "--porcelain").splitlines() if MINE not in c
        ]
        assert not changed
        at = whole[0]
    return half


@pytest.mark.thorough
@pytest.mark.parametrize("shape", ["plain", "monorepo"])
@pytest.mark.fault(
    "restore is killed (TERM, INT, KILL; process or group) at a random moment",
    "one whole revision after the way back that `strata status` prints; nothing of yours gone",
)
def test_some_killed_restores(shape: str, tmp_path: Path, strata: Strata) -> None:
    kill_some(*four(tmp_path, shape), strata, 4)


@pytest.mark.thorough
@pytest.mark.parametrize("shape", ["plain", "monorepo", "together"])
@pytest.mark.fault(
    "restore is killed, 34 times in each of three layouts of the zoo",
    "each time one whole revision",
)
def test_a_hundred_killed_restores(shape: str, tmp_path: Path, strata: Strata) -> None:
    half = kill_some(*four(tmp_path, shape), strata, 34)
    assert half, "no kill hit the move itself"
    print(f"{shape}: {half} of 34 killed in the move itself")


@pytest.mark.fault("a tag and a branch have one name", "refused, with both")
def test_two_things_of_one_name(versions: Project, strata: Strata) -> None:
    versions.run("git", "branch", "v1", "v2")
    before = state(versions)
    said = strata(versions, "restore", "v1", code=1)
    assert "refs/heads/v1, refs/tags/v1" in said
    assert state(versions) == before
    strata(versions, "restore", "refs/tags/v1")
    strata(versions, "restore", "refs/heads/v1")
    assert versions.run("git", "branch", "--show-current") == "v1\n"


@pytest.mark.fault("`dvc repro` is at work while restore or gc is asked for", "refused, by process")
def test_a_running_repro(versions: Project, strata: Strata) -> None:
    script = versions.path / "train.py"
    go = versions.path.parent / "go"
    wait = f"import time\nprint('waiting', flush=True)\nwhile not Path({str(go)!r}).exists():\n"
    text = script.read_text().replace(
        'Path("models").mkdir', wait + '    time.sleep(0.05)\nPath("models").mkdir'
    )
    script.write_text(text)
    versions.commit("Wait")
    with subprocess.Popen(
        ["dvc", "repro"], cwd=versions.path, env=versions.env, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        assert any("waiting" in line for line in process.stdout)
        for command in (["restore", "v1"], ["gc", "--yes"]):
            said = strata(versions, *command, code=1)
            assert f"(process {process.pid}) is at work here" in said
        go.touch()
        process.communicate()
    versions.run("git", "restore", ".")
    versions.run("dvc", "checkout", "--force")


def test_another_strata_at_work_is_called_by_its_name(versions: Project, tmp_path: Path) -> None:
    go, started = tmp_path / "go", tmp_path / "started"
    versions.run("git", "switch", "--quiet", "--create", "other")
    (versions.path / ".gitattributes").write_text("z.txt filter=odd\n")
    (versions.path / "z.txt").write_text("other")
    versions.commit("A file with a filter")
    versions.run("git", "switch", "--quiet", "main")
    wait = f"sh -c 'touch {started}; until [ -e {go} ]; do sleep .05; done; cat'"
    versions.run("git", "config", "filter.odd.smudge", wait)
    with subprocess.Popen(
        ["strata", "restore", "other"], cwd=versions.path, env=versions.env
    ) as process:
        while not started.exists() and process.poll() is None:
            time.sleep(0.01)
        who = rf"`strata restore other` \(process {process.pid}\) is at work here"
        with opened(versions.path) as store, pytest.raises(Fault, match=who), store.locked():
            pass
        go.touch()
    assert process.returncode == 0
    assert command_in(["/v/bin/python", "-P", "-m", "dvc", "add", "x"]) == "`dvc add x`"
    assert command_in(["python", "/v/dvc/__main__.py", "add"]) == "`dvc add`"
    assert command_in(["python", "-m", "strata.cli", "gc"]) == "`strata gc`"
    assert command_in(["/usr/bin/jupyter", "lab"]) == "a command of DVC or Strata"


OVERLOOKED = (
    "an edit that Git overlooks: marked assume-unchanged or skip-worktree, or as long as before "
    "and made in the second of a checkout",
    "refused, before anything moves",
)


@pytest.mark.parametrize("mark", ["assume-unchanged", "skip-worktree"])
@pytest.mark.fault(*OVERLOOKED)
def test_an_edit_that_git_is_told_to_overlook(versions: Project, strata: Strata, mark: str) -> None:
    versions.run("git", "update-index", f"--{mark}", "params.yaml")
    strata(versions, "restore", "v2")  # an unchanged file bars nothing
    (versions.path / "params.yaml").write_text("mine: true\n")
    before = state(versions)
    said = strata(versions, "restore", "v1", code=1)
    assert state(versions) == before, said
    assert "would be lost" in said
    assert "params.yaml" in said
    assert f"--no-{mark}" in said
    assert "params.yaml" in strata(versions, "release", code=1)
    versions.run("git", "update-index", f"--no-{mark}", "params.yaml")
    assert versions.run("git", "status", "--porcelain") == " M params.yaml\n"


@pytest.mark.fault(*OVERLOOKED)
def test_an_edit_in_the_second_of_a_checkout(versions: Project, strata: Strata) -> None:
    versions.run("git", "config", "core.trustctime", "false")  # or the test would have to be quick
    file, index = versions.path / "params.yaml", versions.path / ".git/index"
    versions.run("git", "status")
    then = file.stat().st_mtime_ns
    file.write_text(file.read_text().replace("1.5", "2.5"))
    os.utime(file, ns=(then, then))
    os.utime(index, ns=(then + 10**10, then + 10**10))  # as dulwich, in DVC, writes it
    assert versions.run("git", "status", "--porcelain") == ""
    assert git.uncommitted(versions.path, ["params.yaml"]) == ["params.yaml"]
    os.utime(index, ns=(then + 10**10, then + 10**10))
    assert versions.run("git", "status", "--porcelain") == ""
    before = state(versions)
    said = strata(versions, "restore", "v1", code=1)
    assert "uncommitted changes would be lost: params.yaml" in said
    assert state(versions) == before
    assert versions.run("git", "status", "--porcelain") == " M params.yaml\n"  # to commit, or stash


@pytest.mark.parametrize("slow", [False, True])
@pytest.mark.fault("a file that Git cannot write, or a slow filter and SIGTERM", "all as it was")
def test_a_filter_that_fails_or_is_slow(slow: bool, versions: Project, tmp_path: Path) -> None:
    """A filter of Git's for a file that only the other revision has."""
    started = tmp_path / "started"
    versions.run("git", "switch", "--quiet", "--create", "other")
    (versions.path / ".gitattributes").write_text("z.txt filter=odd\n")
    (versions.path / "z.txt").write_text("other")
    versions.commit("A file with a filter")
    versions.run("git", "switch", "--quiet", "main")
    before = state(versions)
    command = f"sh -c 'touch {started}; {'sleep 2; cat' if slow else 'false'}'"
    versions.run("git", "config", "filter.odd.smudge", command)
    versions.run("git", "config", "filter.odd.required", "true")
    process = subprocess.Popen(
        ["strata", "restore", "other"],
        cwd=versions.path,
        env=versions.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    while slow and not started.exists():
        time.sleep(0.01)
    if slow:
        process.terminate()
    said = process.communicate()[0]
    assert process.returncode == (128 + signal.SIGTERM if slow else 1), said
    assert ("as it was" if slow else "git checkout: ") in said
    assert "Traceback" not in said
    assert state(versions) == before
    assert versions.run("git", "status", "--porcelain") == ""
    assert versions.run("git", "branch", "--show-current") == "main\n"


@pytest.mark.parametrize("what", ["a file of Git's", "an output"])
@pytest.mark.fault("the disk is full in the middle of a switch", "all as it was")
def test_a_full_disk_in_the_middle(
    what: str, two_models: Project, tmp_path: Path, strata: Strata
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(disk)]
    if not shutil.which("mount") or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("only root can make a small disk")
    try:
        project = two_models.copy(disk / "project")
        project.run("dvc", "cache", "dir", "--local", str(tmp_path / "cache"))
        shutil.copytree(project.path / ".dvc/cache", tmp_path / "cache")
        project.run("git", "switch", "--quiet", "--create", "big")
        big = project.path / "big.bin"
        big.write_bytes(random.Random(0).randbytes(4_000_000))
        if what == "an output":
            project.run("dvc", "add", "--quiet", "big.bin")
        project.commit("Something big")
        strata(project, "restore", "main")
        before = state(project)
        assert "big.bin" not in before
        free = shutil.disk_usage(disk).free
        (project.path / ".git/filler").write_bytes(bytes(free - 2_000_000))
        said = strata(project, "restore", "big", code=1)
        assert "No space left on device" in said or "unable to write" in said, said
        assert state(project) == before, said
        assert project.run("git", "status", "--porcelain") == ""
        assert project.run("git", "branch", "--show-current") == "main\n"
        (project.path / ".git/filler").unlink()
        strata(project, "restore", "big")
        assert len(project.read("big.bin")) == 4_000_000
    finally:
        subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.fault("a file that the system lets nobody change is in the way", "all as it was")
def test_an_immutable_file(versions: Project, strata: Strata) -> None:
    before = state(versions)
    file = str(versions.path / "params.yaml")
    chattr = shutil.which("chattr")
    if not chattr or subprocess.run([chattr, "+i", file], capture_output=True).returncode:
        pytest.skip("this file system, or user, cannot make a file immutable")
    try:
        said = strata(versions, "restore", "v1", code=1)
        assert "after the switch: params.yaml" in said
    finally:
        subprocess.run([chattr, "-i", file], check=True)
    assert state(versions) == before
    assert versions.run("git", "status", "--porcelain") == ""
    strata(versions, "restore", "v1")


@pytest.mark.fault(
    "an ignored or untracked file is where the other revision has one", "kept, by name"
)
def test_files_in_the_way(versions: Project, strata: Strata) -> None:
    versions.run("git", "switch", "--quiet", "--create", "other")
    for name in ("notes.log", "deep/er/x.txt"):
        (versions.path / name).parent.mkdir(parents=True, exist_ok=True)
        (versions.path / name).write_text("theirs")
    versions.commit("Two files")
    versions.run("git", "switch", "--quiet", "main")
    (versions.path / ".git/info/exclude").write_text("*.log\n")
    (versions.path / "notes.log").write_text("mine")
    (versions.path / "deep").write_text("mine")
    said = strata(versions, "restore", "other", code=1)
    assert "in the way: deep, notes.log; move them away" in said
    assert (versions.read("notes.log"), versions.read("deep")) == (b"mine", b"mine")
    (versions.path / "deep").unlink()
    (versions.path / "notes.log").write_text("theirs")
    strata(versions, "restore", "other")
    assert versions.read("deep/er/x.txt") == b"theirs"


@pytest.mark.fault(
    "a merge, rebase, cherry-pick, revert or bisect is in progress", "refused, with the way out"
)
def test_git_in_the_middle_of_something(versions: Project, strata: Strata) -> None:
    versions.run("git", "switch", "--quiet", "--create", "side", "v1")
    (versions.path / "README.md").write_text("side\n")
    versions.run("git", "commit", "--quiet", "--all", "--message", "Side")
    versions.run("git", "switch", "--quiet", "main")
    (versions.path / "README.md").write_text("main\n")
    versions.run("git", "commit", "--quiet", "--all", "--message", "Main")
    for what in (["merge", "side"], ["rebase", "side"], ["cherry-pick", "side"]):
        versions.run("git", *what, fails=True)
        assert f"a {what[0]} is in progress" in strata(versions, "restore", "v1", code=1)
        versions.run("git", what[0], "--abort")
    versions.run("git", "bisect", "start")
    said = strata(versions, "restore", "v1", code=1)
    assert "`git bisect reset`" in said
    versions.run("git", "bisect", "reset")
    versions.run("dvc", "checkout", "--quiet")


@pytest.mark.fault(
    "Git moved on and left the data: a fast-forward merge or a reset without hooks",
    "told from a stale lock, and not taken for work that would be lost",
)
def test_data_behind_the_lock_is_not_lost(versions: Project, strata: Strata) -> None:
    new = state(versions)
    versions.run("git", "reset", "--quiet", "--hard", "v1")
    strata(versions, "restore", "HEAD")
    old = state(versions)
    versions.run("git", "merge", "--quiet", "--ff-only", "v2")
    said = strata(versions, "status")
    assert "dvc.lock: fresh" in said
    assert "behind dvc.lock, as Git left it: " in said
    assert "next: `dvc checkout`" in said
    strata(versions, "hook", "fresh-lock")
    strata(versions, "restore", "v1")
    assert state(versions) == old
    strata(versions, "restore", "main")
    assert state(versions) == new
