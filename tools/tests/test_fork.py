"""The warm Python of the tests: what it runs is what the real one would have run, and ends so."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import psutil
import pytest
import warm
from project import Project, sandbox

pytestmark = pytest.mark.skipif(not warm.is_on({}), reason="without fork there is no warm Python")

PROBE = """
import json, os, sys
print(json.dumps([
    sys.argv, sys.path[:1], os.getcwd(), sorted(set(os.environ) - {"PATH", "_", "SHLVL"}),
    os.umask(0), os.getpgid(0) == os.getpgid(os.getppid()), __name__, sys.stdin.read(), sys.prefix,
]))
print("to stderr", file=sys.stderr)
"""
WARM = "import sys; print('strata.cli' in sys.modules)"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "a b").mkdir()
    (tmp_path / "a b/probe.py").write_text(PROBE)
    return Project(tmp_path / "a b", sandbox(tmp_path / "home"))


def is_warm(project: Project, *words: str, env: Mapping[str, str] = MappingProxyType({})) -> bool:
    there = Project(project.path, project.env | dict(env))
    return there.run("python", *words, "-c", WARM) == "True\n"


@pytest.fixture
def both(project: Project) -> list[dict[str, str]]:
    """Variables with the warm programs and without."""
    return [project.env | warm.variables(project.env), project.env]


@pytest.mark.parametrize(
    "words",
    [
        ["probe.py", "-x", "two words"],
        ["-P", "probe.py"],
        ["-m", "probe", "é"],
        ["-P", "-m", "json.tool", "--help"],
        ["-c", PROBE, "-c"],
        ["-c", "raise SystemExit(7)"],
        ["-c", "raise SystemExit('why')"],
        ["-c", "raise SystemExit(-1)"],
        ["-c", "import atexit; atexit.register(print, 'the end'); print(1)"],
        ["-c", "import threading, time; threading.Timer(0.1, print, 'a').start()"],
        ["-c", "import os; os.kill(os.getpid(), 15)"],
        ["-c", "import os; os.kill(os.getpid(), 9)"],
        ["-W", "error", "-c", "import warnings; warnings.warn('x')"],
        ["nowhere.py"],
        ["-c"],
        ["--version"],
    ],
)
def test_a_fork_is_as_a_process(
    project: Project, both: list[dict[str, str]], words: list[str]
) -> None:
    forked, real = (
        subprocess.run(
            ["python", *words],
            cwd=project.path,
            env=env,
            input="in",
            capture_output=True,
            text=True,
        )
        for env in both
    )
    assert forked.returncode == real.returncode
    assert forked.stdout.replace(os.environ[warm.PLACE], sys.prefix) == real.stdout
    assert bool(forked.stderr) == bool(real.stderr)


def test_what_python_reads_as_it_starts_is_read(project: Project) -> None:
    assert is_warm(project)
    assert is_warm(project, "-P")
    assert not is_warm(project, env={"STRATA_TESTS_COLD": "1"})
    for name in ("PYTHONPATH", "PYTHONWARNINGS", "LC_ALL", "TZ", "OMP_NUM_THREADS"):
        assert not is_warm(project, env={name: "2"})
    assert not is_warm(project, "-u")
    code = (
        f"import subprocess, sys; subprocess.run([sys.executable, '-c', {WARM!r}], pass_fds=[2, 9])"
    )
    assert project.run("sh", "-c", 'exec 9<&0; python -c "$0"', code) == "False\n"
    code = code.replace(", pass_fds=[2, 9]", "")
    assert project.run("python", "-c", code) == "True\n"


def test_what_a_shell_runs_behind_it_is_forked_too_and_heeds_no_ctrl_c(project: Project) -> None:
    code = f"{WARM}; import signal; print(signal.getsignal(signal.SIGINT) == signal.SIG_IGN)"
    assert project.run("sh", "-c", 'python -c "$0" & wait', code) == "True\nTrue\n"
    deaf = signal.getsignal(signal.SIGINT) == signal.SIG_IGN  # this test run itself
    assert project.run("python", "-c", code) == f"True\n{deaf}\n"


def test_each_fork_draws_numbers_of_its_own(project: Project) -> None:
    code = "import random, uuid, numpy.random as n; print(random.random(), uuid.uuid4(), n.rand())"
    one, two = (project.run("python", "-c", code).split() for _ in range(2))
    assert not set(one) & set(two)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
@pytest.mark.parametrize("apart", [False, True])
def test_a_signal_ends_the_fork(
    project: Project, both: list[dict[str, str]], number: signal.Signals, apart: bool
) -> None:
    code = "import os, time; print(os.getpid(), flush=True); time.sleep(600)"
    with subprocess.Popen(
        ["python", "-c", code],
        cwd=project.path,
        env=both[0],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=apart,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        assert process.stdout
        fork = psutil.Process(int(process.stdout.readline()))
        assert fork.pid != process.pid
        os.killpg(process.pid, number) if apart else process.send_signal(number)
    assert process.returncode == -number
    with contextlib.suppress(psutil.NoSuchProcess):
        while fork.status() != psutil.STATUS_ZOMBIE:
            time.sleep(0.01)


@pytest.mark.parametrize("name", ["dvc", "strata"])
def test_the_real_programs_work(name: str, versions: Project) -> None:
    cold = Project(versions.path, versions.env | {"STRATA_TESTS_COLD": "1"})
    assert cold.run("sh", "-c", f"command -v {name}").startswith(sys.prefix)
    said = cold.run(name, "status")
    assert ("up to date" if name == "dvc" else "dvc.lock: fresh") in said
