"""Tell whether a project is set up as its docs say, and how it stands to its template."""

import argparse
import filecmp
import re
import subprocess
import tempfile
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path, PurePosixPath

from packaging.markers import Marker
from packaging.version import InvalidVersion, Version

import strata
from strata import git
from strata.core.errors import Fault, first_line
from strata.core.texts import listed
from strata.core.values import aligned
from strata.dvc.revision import Revision, Unreadable, parsed
from strata.dvc.store import Store, opened
from strata.git import refs
from strata.restore.checkout import DEV_LOCK

ANSWERS = ".copier-answers.yml"
OWN = re.compile(r"_copier_operation == 'update' %\}(\S+?)\{%")  # as copier.yml leaves it out
SOURCES = ("tools/src", "tools/adopt/src")  # of what `make setup` installs, each into site-packages

Finding = tuple[str, str, str]  # what, how it is: ok, or else, and what to do


def run(args: argparse.Namespace) -> int:
    """Print a line for each part: 1 if there is something to do, else 0."""
    del args
    root = git.top()
    parts = (environment, tools, hooks, cache, storage, secrets, template)
    findings = [finding for part in parts for finding in part(root)]
    print(aligned([(what, how, todo) for what, how, todo in findings]))
    return int(any(todo for _, _, todo in findings))


def environment(root: Path) -> Iterator[Finding]:
    """Whether the packages here are those that are pinned."""
    if not (root / DEV_LOCK).is_file():
        yield "environment", f"no {DEV_LOCK}: cannot tell", ""
        return
    pins = re.findall(
        r"^([\w.-]+)==(\S+)(?: ; (.*?))? \\?$", (root / DEV_LOCK).read_text("utf-8"), re.MULTILINE
    )
    wrong = [
        f"{name} {installed(name) or 'is missing'}, not {pin}"
        for name, pin, marker in pins
        if (not marker or Marker(marker).evaluate()) and installed(name) != pin
    ]
    state = listed(wrong, 3, "; ") or f"as {DEV_LOCK} has it"
    yield "environment", state, "make setup" if wrong else ""


def installed(name: str) -> str | None:
    """The version of a package, if it is installed."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def tools(root: Path) -> Iterator[Finding]:
    """Whether the command that runs is made of the sources in tools/."""
    sources = [place for name in SOURCES if (place := root / name).is_dir()]
    if not sources:
        yield "tools", "not part of this repository", ""
        return
    site = Path(strata.__file__).parents[1]
    same = all(
        (copy := site / path.relative_to(place)).is_file()
        and filecmp.cmp(copy, path, shallow=False)
        for place in sources
        for path in place.rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    )
    yield "tools", "as in tools/" if same else "not those in tools/", "" if same else "make setup"


def hooks(root: Path) -> Iterator[Finding]:
    """Whether Git runs the hooks, and merges dvc.lock by stage."""
    absent = [
        name
        for name in ("pre-commit", *git.HOOKS)
        if not (file := git.own_path(root, f"hooks/{name}")).is_file()
        or not re.search("pre-commit|strata", file.read_text("utf-8", errors="replace"))
    ]
    if not git.setting(root, "merge.strata.driver"):
        absent.append("the merge driver")
    state = f"missing: {', '.join(absent)}" if absent else "installed"
    yield "hooks", state, "make hooks" if absent else ""


def cache(root: Path) -> Iterator[Finding]:
    """What a commit takes on the disk, and whether it takes that twice."""
    try:
        with opened(root) as store:
            used, able = store.links()
            state = size(store, root)
    except Fault as fault:
        yield "cache", f"cannot tell: {first_line(fault)}", ""
        return
    if used != "copy":
        yield "cache", f"{state}the workspace shares it ({used})", ""
    elif able:
        how = f"`dvc config --local cache.type {able[0]}` shares it, read-only"
        yield "cache", f"{state}copied to the workspace; {how}: docs/storage.md", ""
    else:
        yield "cache", f"{state}copied to the workspace; the disk of the cache can't link", ""


def size(store: Store, root: Path) -> str:
    """The bytes of HEAD's data and models, and how many of them its parent lacks."""
    now = Revision(store, refs.commit_of("HEAD", root)).outputs
    new = store.sizes(now)
    state = f"{sum(new.values()) / 1e6:,.1f} MB in this commit"
    if absent := [out.path for out in now if out.hash not in new]:
        state += f" (not here: {listed(absent, 3)})"
    if parent := git.find_commit(root, "HEAD~1"):
        last = Revision(store, parent).outputs
        old = store.sizes(last)
        if any(out.is_folder and out.hash not in old for out in last):  # which files it had
            return f"{state} (how much of it is new is unknown: the commit before is not here); "
        added = sum(size for oid, size in new.items() if oid not in old)
        state += f", {added / 1e6:,.1f} MB of it new"
    return f"{state}; "


def storage(root: Path) -> Iterator[Finding]:
    """Whether data and models are stored anywhere else."""
    try:
        with opened(root) as store:
            remote = store.remote()
    except Fault as fault:
        yield "storage", f"cannot tell: {first_line(fault)}", ""
        return
    state = "a remote is set; `strata status --remote` reads it"
    yield "storage", state if remote else "none; `make storage URL=…` sets it up", ""


def secrets(root: Path) -> Iterator[Finding]:
    """Whether the secrets that the workflows use are set on the code host, if `gh` can tell."""
    texts = [path.read_text("utf-8") for path in sorted((root / ".github/workflows").glob("*.yml"))]
    pattern = r"secrets\.(\w+)(?!\w| \|\|)"  # not those that something else may stand in for
    used = {name for text in texts for name in re.findall(pattern, text)}
    used -= {"GITHUB_TOKEN"}  # which is always there
    if not used:
        yield "secrets", "no workflow of GitHub's uses one", ""
        return
    try:
        done = subprocess.run(
            ["gh", "secret", "list"], cwd=root, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        yield "secrets", f"cannot tell whether {', '.join(sorted(used))} are set: `gh` fails", ""
        return
    absent = used - {line.split()[0] for line in done.stdout.splitlines() if line.strip()}
    state = f"not set: {', '.join(sorted(absent))}" if absent else "set"
    yield "secrets", state, f"gh secret set {min(absent)}" if absent else ""


def template(root: Path) -> Iterator[Finding]:
    """The version of the template that is here, the newest one, and the files changed by hand."""
    try:
        answers = parsed((root / ANSWERS).read_bytes(), ANSWERS)
        place, commit = str(answers["_src_path"]), str(answers["_commit"])
    except (OSError, Unreadable, KeyError, TypeError):
        yield "template", f"cannot tell: no {ANSWERS} with _src_path and _commit", ""
        return
    place = re.sub("^gh:", "https://github.com/", re.sub("^gl:", "https://gitlab.com/", place))
    with tempfile.TemporaryDirectory(prefix="strata-") as folder:
        try:
            git.git(*git.QUIET, "clone", "--quiet", "--", place, folder)
            files = git.files(Path(folder), commit)
        except Fault as fault:
            yield "template", f"{commit}; cannot tell more: {first_line(fault)}", ""
            return
        tags = git.lines("tag", root=Path(folder))
        newer = [tag for tag in tags if _is_newer(tag, commit)]
        newest = max(newer, key=_version, default="")
        state = f"{commit}, and {newest} is there" if newer else f"{commit}, the newest"
        if _version(commit) == Version("0"):
            state = f"{commit}; not a version, so it cannot be told whether it is the newest"
        yield "template", state, "uvx copier update --trust --defaults" if newer else ""
        rules = (git.blob(Path(folder), commit, "copier.yml") or b"").decode(errors="replace")
        own = ["/copier.yml", f"/{ANSWERS}", "*.copier", *OWN.findall(rules)]
        changed = [
            name
            for name in files
            if not _is_own(name, own)
            if git.blob(Path(folder), commit, name) != _bytes(root / name)
        ]
    if changed:
        yield "", f"changed by hand: {listed(changed, 10)}", ""


def _is_own(name: str, patterns: list[str]) -> bool:
    """Whether a file, or a folder that it lies in, is the project's own."""
    path = PurePosixPath("/", name)
    return any(each.match(own) for own in patterns for each in (path, *path.parents))


def _bytes(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def _version(tag: str) -> Version:
    try:
        return Version(tag)
    except InvalidVersion:
        return Version("0")


def _is_newer(tag: str, commit: str) -> bool:
    return _version(tag) > _version(commit) > Version("0")
