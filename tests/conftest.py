"""A small project of the real thing: a copy of this repository on three months of its data."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from filelock import FileLock
from hypothesis import settings

ROOT = Path(__file__).parents[1]

# No deadline on a busy machine; where CI is set, the same examples each run.
settings.register_profile(
    "project", deadline=None, max_examples=30, derandomize=bool(os.environ.get("CI"))
)
settings.load_profile("project")

SMALL = {
    "ingest.through": "2013-03",
    "train.hist_gradient_boosting.max_iter": 20,
    "train.random_forest.n_estimators": 5,
    "evaluate.bootstrap_samples": 20,
    "explain.importance_rows": 500,
    "explain.importance_repeats": 1,
}


@dataclass(frozen=True)
class Project:
    """A repository in a temporary folder and the environment its commands run in."""

    path: Path
    env: dict[str, str]

    def run(self, *command: str, fails: bool = False, **env: str) -> str:
        """Run a command in the project and return all that it printed, both streams.

        Its exit code must be 0, or with ``fails`` anything else.
        """
        done = subprocess.run(
            command,
            cwd=self.path,
            env=self.env | env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            check=False,
        )
        assert (done.returncode != 0) == fails, f"{command} gave {done.returncode}\n{done.stdout}"
        return done.stdout

    def set(self, **params: Any) -> None:
        """Write values into params.yaml by dotted keys, as a hand would."""
        path = self.path / "params.yaml"
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        for key, value in params.items():
            *sections, last = key.split(".")
            section = content
            for name in sections:
                section = section[name]
            section[last] = value
        path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")

    def read(self, name: str) -> bytes:
        """The bytes of a file of the project."""
        return (self.path / name).read_bytes()

    def files(self, folder: str) -> dict[str, bytes]:
        """The bytes of all files of a folder, by their paths in the project."""
        found = sorted(path for path in (self.path / folder).rglob("*") if path.is_file())
        return {path.relative_to(self.path).as_posix(): path.read_bytes() for path in found}

    def undo(self) -> None:
        """Bring back what is committed, in a way that leaves nothing to do or to commit."""
        self.run("git", "checkout", "--force", "HEAD", "--", ".")
        self.run("dvc", "checkout", "--force")
        assert self.run("git", "status", "--porcelain") == ""
        assert "up to date" in self.run("dvc", "status")


def sandbox(home: Path) -> dict[str, str]:
    """An environment in which neither git nor dvc can see or touch the user's home."""
    home.mkdir(parents=True, exist_ok=True)
    config = home / ".gitconfig"  # dulwich, in DVC, knows no GIT_CONFIG_GLOBAL
    config.write_text(
        "[user]\n name = Test\n email = test@example.org\n[init]\n defaultBranch = main\n"
    )
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("GIT_", "DVC_", "AWS_"))}
    return inherited | {
        "HOME": str(home),
        "USERPROFILE": str(home),
        "XDG_CACHE_HOME": str(home / "cache"),
        "XDG_CONFIG_HOME": str(home / "config"),
        "DVC_SITE_CACHE_DIR": str(home / "dvc-site"),
        "GIT_CONFIG_GLOBAL": str(config),
        "GIT_CONFIG_NOSYSTEM": "1",
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "LC_ALL": "C.UTF-8",
        "NO_COLOR": "1",
        "OMP_NUM_THREADS": "1",  # tests run side by side; threads would wait for each other
        "COLUMNS": "200",
    }


@pytest.fixture(scope="session", autouse=True)
def _home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What runs in the tests' own process cannot see the user's home either."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in sandbox(tmp_path_factory.mktemp("home")).items():
            if os.environ.get(name) != value:
                patch.setenv(name, value)
        yield


@pytest.fixture(scope="session")
def reproduced(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Project:
    """This repository as it stands, on SMALL params, reproduced and committed. Do not change it.

    Its path has a space and an umlaut, as a user's may. Made once, for all workers of pytest-xdist.
    """
    base = tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "pipeline"
    folder.mkdir(exist_ok=True)
    project = Project(folder / "mein Prüfstand", sandbox(folder / "home"))
    ready = folder / "reproduced"
    with FileLock(folder / "reproduced.lock"):
        if not ready.exists():
            reproduce(project)
            ready.touch()
    return project


def reproduce(project: Project) -> None:
    """Copy this repository, as it stands, and run its pipeline as `make repro` does."""
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    for name in subprocess.check_output(listed, cwd=ROOT, encoding="utf-8").split("\0"):
        if (ROOT / name).is_file():
            (project.path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, project.path / name)
    project.run("git", "init", "--quiet")
    project.set(**SMALL)
    project.run("strata", "repro")
    project.run("git", "add", "--all")
    project.run("git", "commit", "--quiet", "--no-verify", "--message", "Reproduce three months")


@pytest.fixture
def project(reproduced: Project, tmp_path: Path) -> Project:
    """A fresh copy of the reproduced project, cache and all, to do anything with."""
    path = tmp_path / "mein Prüfstand"
    shutil.copytree(reproduced.path, path, symlinks=True)
    return Project(path, reproduced.env | {"DVC_SITE_CACHE_DIR": str(tmp_path / "dvc-site")})
