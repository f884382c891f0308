"""Clones and environments in which a revision runs, apart from the workspace."""

import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from strata import git
from strata.core import consent
from strata.core.errors import Fault
from strata.core.trust import within
from strata.dvc.revision import Revision
from strata.dvc.store import Offline, Store, cache_of

# The variables that a revision does not see unless it is the workspace's: by a word of their name,
# or by a password in the address that they hold.
WORDS = {"TOKEN", "SECRET", "PASSWORD", "PASSWD", "CREDENTIAL", "CREDENTIALS", "KEY", "AUTH"}
CLOUDS = ("AWS_", "AZURE_")
PASSWORD = re.compile(r"://[^/\s]*:[^/\s]+@")
INSTALLER = re.compile("(?i)(PIP|UV)_|(https?|all)_proxy$")  # what reaches a package index
DEV_LOCK = "requirements-dev.lock"
ANEW = {"RECOMPUTE": "1"}  # what tells the template's stages to take no partition from the cache


def strata_command(*arguments: str) -> list[str]:
    """A command of this installation's strata."""
    return [sys.executable, "-P", "-m", "strata.cli", *arguments]


def dvc_command(*arguments: str) -> list[str]:
    """A command of this installation's dvc. PYTHONWARNINGS is for the stages that it runs."""
    return [sys.executable, "-P", "-W", "ignore", "-m", "dvc", *arguments]


def dvc(*arguments: str, root: Path, env: dict[str, str] | None = None) -> str:
    """Run this installation's dvc and return what it printed.

    Raises Fault with DVC's own reason if it fails. An exit code of 0 is no proof that anything
    was fetched: look for yourself.
    """
    code, printed = capture(dvc_command(*arguments), root, env or programs())
    if code:
        said = [line for line in printed.splitlines() if line.startswith("ERROR")]
        lines = said or printed.strip().splitlines()[-1:] or [f"exit code {code}"]
        raise Fault("\n".join(f"dvc {arguments[0]}: {line}" for line in lines))
    return printed


def programs(env: Mapping[str, str] = os.environ, *first: Path) -> dict[str, str]:
    """An environment, this process's if none is given, with these folders first on PATH.

    Where the tools are installed in the project's own environment, its programs come next, so that
    stages find their Python whether or not the environment is activated.
    """
    path = env.get("PATH", "")
    here = Path(sys.executable).parent
    ours = [here] if Path(sys.prefix).parent == git.top() else []
    return {**env, "PATH": os.pathsep.join([*map(str, [*first, *ours]), path])}


def check_braces(folder: Path) -> None:
    """Raise Fault for a folder in which DVC runs no stage, as it fills in what is in braces."""
    if set("{}") & set(str(folder)):
        raise Fault(f"DVC runs no stage in a folder that has braces in its path: rename {folder}")


def clone(store: Store, commit: str, folder: Path) -> Path:
    """Make ``folder`` a clone at a commit, with the same cache and no data yet.

    Returns the folder in it that has ``.dvc``. Raises Fault if the commit is missing.
    """
    check_braces(folder)
    top = git.git("rev-parse", "--show-toplevel", root=store.root)
    git.git(*git.QUIET, "clone", "--quiet", "--shared", "--no-checkout", top, str(folder))
    git.git(*git.QUIET, "checkout", "--quiet", "--detach", commit, root=folder)
    root = folder / store.root.relative_to(top)
    if (root / ".dvc").is_dir():
        settings = store.repo.config["cache"]
        # By a link: in a path DVC's settings take a comma for a list and %(x)s for a setting.
        cache = cache_of(store.repo)
        cache.mkdir(parents=True, exist_ok=True)
        (root / ".dvc/cache").symlink_to(cache, target_is_directory=True)
        lines = ["    dir = cache"]
        if kinds := settings.get("type"):
            lines.append(f"    type = {kinds if isinstance(kinds, str) else ','.join(kinds)}")
        local = root / ".dvc/config.local"
        local.write_text("\n".join(["[cache]", *lines, ""]), encoding="utf-8")
    return root


@contextmanager
def rebuilt(store: Store, revision: Revision, stages: Iterable[str] | None) -> Iterator[Path]:
    """Reproduce a commit in a temporary clone and yield the folder in it that has ``.dvc``.

    Of ``stages``, what the cache knows already is taken from there; for None, every stage that is
    not frozen runs from scratch. What is made is in the cache afterwards. It runs in the commit's
    own environment. Raises Fault if the pipeline fails.
    """
    consent.check(consent.PIPELINE)
    commit = str(revision.commit)
    if stages is None:
        # One by one: with --force alone DVC would ask the sources of imports, too.
        all_of_them = [name for name, stage in revision.stages.items() if not stage.frozen]
        targets = ["--force", "--single-item", *all_of_them]
    else:
        targets = list(stages)
    with tempfile.TemporaryDirectory(prefix="strata-") as parent:
        root = clone(store, commit, Path(parent) / store.name)
        for out in revision.outputs:
            within(root, root / out.path)
        given, said = fetch_inputs(store, revision)
        if given:
            dvc("checkout", "--force", *given, root=root)
        env = environment(store.root, revision, root)
        if stages is None:
            env |= ANEW
        print(f"running the pipeline of {commit[:7]}", file=sys.stderr, flush=True)
        if run(dvc_command("repro", *targets), root, env):
            why = f". Some of its data is missing: {said}" if said else withheld(env)
            raise Fault(f"the pipeline of {commit[:7]} fails; its own message is above{why}")
        yield root


def make_again(store: Store, revision: Revision) -> None:
    """Run the pipeline of a commit if the cache and the remotes lack an output of it.

    What it makes is in the cache afterwards. Raises Fault if it fails, or a remote is offline.
    """
    absent = [out for out in revision.outputs if out.made and store.missing(out)]
    store.fetch(absent)
    if stages := list(dict.fromkeys(out.stage for out in absent if store.missing(out))):
        with rebuilt(store, revision, stages):
            pass


def run(command: list[str], root: Path, env: dict[str, str]) -> int:
    """Run a command that starts others, and end them all if this process is asked to end."""
    with started(command, root, env, stdout=sys.stderr) as process:
        return process.wait()


def capture(
    command: str | list[str],
    root: Path | None,
    env: Mapping[str, str] | None = None,
    echo: bool = False,
) -> tuple[int, str]:
    """The same of a command, of a shell if it is one string: its exit code and all that it said.

    With ``echo`` that is shown as it comes, on standard error.
    """
    said = []
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    text = {"encoding": "utf-8", "errors": "replace"}
    with started(command, root, env, **streams, **text) as process:
        for line in process.stdout or ():
            said.append(line)
            if echo:
                print(line, end="", file=sys.stderr, flush=True)
        return process.wait(), "".join(said)


@contextmanager
def started(
    command: str | list[str], root: Path | None, env: Mapping[str, str] | None, **options: Any
) -> Iterator["subprocess.Popen[Any]"]:
    """A command that runs beside a block of this process, with options of ``subprocess.Popen``.

    If the block fails, as when this process is asked to end, the command ends, and what it has
    started with it.
    """
    apart = sys.platform != "win32"  # in a group of its own, which can be ended as one
    shell = isinstance(command, str)
    with subprocess.Popen(
        command, cwd=root, env=env, shell=shell, start_new_session=apart, **options
    ) as process:
        try:
            yield process
        except BaseException:
            if apart:
                with suppress(ProcessLookupError):  # all have ended
                    os.killpg(process.pid, signal.SIGKILL)
            else:
                process.kill()
            raise


def fetch_inputs(store: Store, revision: Revision) -> tuple[list[str], str]:
    """The paths of what stages start from and none makes, as far as the cache and remotes have it.

    With the first complaint of a remote: only the stages know whether they miss anything.
    """
    given = [out for out in revision.outputs if not out.made]
    try:
        said = store.fetch(out for out in given if store.missing(out))
    except Offline as fault:
        said = str(fault)
    return [out.path for out in given if not store.missing(out)], said


def environment(
    home: Path, revision: Revision, root: Path, *, whole: bool = False
) -> dict[str, str]:
    """The variables in which the stages of a revision, checked out at ``root``, run.

    With ``whole``, what it pins for people is there, too, where it pins that.

    That is this environment, unless the revision pins other packages or is itself a package to
    install: then one is made in ``root``. A revision other than HEAD, which is what was checked out
    to be run, does not get the user's tokens. Raises Fault if it cannot be made.
    """
    own = git.run("rev-parse", "HEAD", root=home).stdout.decode().strip() == revision.commit
    given = dict(os.environ) if own else without_tokens(os.environ)
    installable = any(_builds(root / name) for name in ("pyproject.toml", "setup.py"))
    whole = whole and (root / DEV_LOCK).exists()
    same = same_pins(home, revision, *([DEV_LOCK] if whole else []))
    if same and not installable:
        return programs(given)
    print(f"making the environment of {revision.name[:7]}", file=sys.stderr, flush=True)
    venv = root / ".venv"
    tool = given | {k: v for k, v in os.environ.items() if INSTALLER.match(k)}
    uv("venv", "--quiet", "--python", sys.executable, str(venv), env=tool)
    # Named, since uv takes the Python that it runs in for the one that is meant.
    into = ("pip", "install", "--quiet", "--python", str(venv))
    if same:
        (site,) = venv.glob("[Ll]ib/**/site-packages")
        mine = [path for path in sys.path if Path(path).name == "site-packages"]
        (site / "_strata_outer.pth").write_text("\n".join(mine) + "\n", encoding="utf-8")
    else:
        names = (
            [DEV_LOCK]
            if whole or (installable and (root / DEV_LOCK).exists())
            else revision.pin_files
        )
        files = [str(root / name) for name in names]
        hashed = all("--hash=" in Path(file).read_text(encoding="utf-8") for file in files)
        options = ["--compile-bytecode", *(["--require-hashes"] if hashed else [])]
        for file in files:
            options += ["--requirement", file, "--build-constraints", file]
        uv(*into, *options, env=tool)
    if installable:
        editable = (*into, "--no-deps", "--editable", str(root))
        try:
            uv(*editable, "--no-build-isolation", env=tool)
        except Fault:
            uv(*editable, env=tool)
    return programs(given, next(venv.glob("[bS][ic][nr]*")))


def without_tokens(environment: Mapping[str, str]) -> dict[str, str]:
    """These variables without those that hold a token, a key or a password, as far as one sees."""
    return {
        name: value
        for name, value in environment.items()
        if not WORDS & set(name.upper().split("_"))
        and not name.upper().startswith(CLOUDS)
        and not PASSWORD.search(value)
    }


def withheld(env: Mapping[str, str]) -> str:
    """Which variables a program was run without, as a sentence; empty if it had them all."""
    names = sorted(set(os.environ) - set(env))
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    how = "as any revision but HEAD: to run it with them, check it out"
    return f". It ran without {', '.join(names[:3])}{more}, {how}" if names else ""


def _builds(file: Path) -> bool:
    """Whether a pyproject.toml, or setup.py, makes a package of its folder."""
    if not file.is_file():
        return False
    return file.suffix == ".py" or "[build-system]" in file.read_text(encoding="utf-8")


def same_pins(home: Path, revision: Revision, *more: str) -> bool:
    """Whether a revision pins the packages that the workspace pins, in ``more`` files, too.

    True if it pins none.
    """
    return all(
        (home / name).is_file() and (home / name).read_bytes() == revision.bytes(name)
        for name in (*revision.pin_files, *more)
    )


def uv(*arguments: str, env: Mapping[str, str]) -> None:
    """Run uv. Raises Fault if it fails."""
    code, said = capture([sys.executable, "-P", "-m", "uv", *arguments], None, env)
    if code:
        why = (said.strip().splitlines() or ["no message"])[-1]
        raise Fault(f"uv {' '.join(arguments[:2])}: {why.strip()}")
