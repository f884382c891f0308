"""Git, as a subprocess: nothing else in the tools runs it.

Paths are relative to ``root``, where ``.dvc`` lies: not always the top of Git's repository.
"""

import contextlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from strata.core import limits
from strata.core.errors import Deferred, Fault, on_signals
from strata.core.texts import listed

ENGLISH = {"LC_ALL": "C", "LANGUAGE": ""}
QUIET = ("-c", "core.hooksPath=/dev/null", "-c", "advice.detachedHead=false")
# The user's settings that change what git prints, or where it goes, are put back for each call.
PLAIN = (
    *("-c", "column.ui=never", "-c", "column.tag=never"),
    *("-c", "diff.autoRefreshIndex=true", "-c", "diff.ignoreSubmodules=untracked"),
    *("-c", "diff.orderFile=/dev/null", "-c", "diff.relative=false"),
    *("-c", "log.diffMerges=separate", "-c", "log.showSignature=false"),
    *("-c", "submodule.recurse=false"),
)
HASH = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
SIGNATURE = re.compile(r"^-----BEGIN [A-Z ]+-----$", re.MULTILINE)  # behind the text of a tag
LITERAL = "--literal-pathspecs"  # a path is no pattern
HOOKS = ("post-checkout", "post-merge", "post-rewrite", "pre-push")  # those that call strata


def run(
    *arguments: str, root: Path | None = None, env: dict[str, str] | None = None, **options: Any
) -> "subprocess.CompletedProcess[bytes]":
    """Run git and capture what it prints, in English whatever the locale.

    ``env`` is put over this environment; ``options`` are those of ``subprocess.run``. Raises Fault
    for an argument that no program can be given: with a NUL, or half a character.
    """
    try:
        return subprocess.run(
            ["git", *PLAIN, *arguments],
            cwd=root,
            env=os.environ | ENGLISH | (env or {}),
            capture_output=True,
            check=False,
            **options,
        )
    except ValueError as error:
        raise Fault(f"not an argument for git: {error}") from None


SETTINGS = {"GIT_CONFIG_COUNT", "GIT_CONFIG_PARAMETERS"}  # these say nothing of a place
READINGS = {f"GIT_{how}_PATHSPECS" for how in ("LITERAL", "GLOB", "NOGLOB", "ICASE")}


def clear_environment() -> None:
    """Drop from the environment what Git hands to an alias, a hook or `rebase --exec`.

    It names the caller's repository, index and worktree, and a git in a clone would write there.
    From here on a repository is the one that a folder lies in, as it is to DVC. Raises Fault if
    the environment names another than this folder lies in.
    """
    asked = {"GIT_DIR": "--absolute-git-dir", "GIT_WORK_TREE": "--show-toplevel"}
    places = [option for name, option in asked.items() if name in os.environ]
    named = run("rev-parse", *places).stdout if places else b""
    for name in {*git("rev-parse", "--local-env-vars").split(), *READINGS} - SETTINGS:
        os.environ.pop(name, None)
    if places and named != run("rev-parse", *places).stdout:
        raise Fault(
            "GIT_DIR or GIT_WORK_TREE names another repository than this folder lies in, which is "
            "the one that DVC finds: unset them, or change to that repository"
        )


def git(*arguments: str, root: Path | None = None, **options: Any) -> str:
    """Run git and return what it printed, without the last line's end.

    Raises Fault with git's own reason if it fails.
    """
    done = run(*arguments, root=root, **options)
    if done.returncode:
        printed = (done.stderr or done.stdout).decode(errors="replace").strip().splitlines()
        reasons = [line for line in printed if line.startswith(("fatal: ", "error: "))]
        lines = reasons or printed[-1:]
        name = next(a for a in arguments if not a.startswith("-") and "=" not in a)
        why = lines[0].removeprefix("fatal: ").removeprefix("error: ") if lines else "no message"
        if why.endswith(":"):  # a list of files follows
            why += " " + ", ".join(line.strip() for line in printed if line.startswith("\t"))
        elif advice := [line.strip() for line in printed if line.startswith("\tgit ")]:
            why += f"; its advice: {advice[0]}"
        if done.returncode < 0:
            why = f"killed by signal {-done.returncode}"
        raise Fault(f"git {name}: {why}")
    return done.stdout.decode(errors="surrogateescape").removesuffix("\n")


def lines(*arguments: str, root: Path | None = None) -> list[str]:
    """The lines that git printed. Raises Fault if it fails.

    ``str.splitlines`` would also split at U+2028 or a form feed, which names may have. Paths may
    even have newlines: see ``entries``.
    """
    return [line for line in git(*arguments, root=root).split("\n") if line]


def entries(*arguments: str, root: Path | None = None, **options: Any) -> list[str]:
    """What git printed with ``-z``: entries that end in a NUL. Raises Fault if it fails."""
    return git(*arguments, root=root, **options).split("\0")[:-1]


def succeeds(*arguments: str, root: Path | None) -> bool:
    """Whether git exits with 0."""
    return run(*arguments, root=root).returncode == 0


def find_commit(root: Path | None, name: str) -> str | None:
    """The hash of the commit that Git takes a name for; None if it is the name of none."""
    asked = ("--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
    done = run("rev-parse", *asked, root=root)
    return done.stdout.decode().strip() if done.returncode == 0 else None


def has_ref(root: Path | None, ref: str) -> bool:
    """Whether there is a reference of this full name, or HEAD has a commit."""
    return succeeds("show-ref", "--verify", "--quiet", ref, root=root)


def setting(root: Path, key: str) -> str:
    """A setting of Git's; empty if it is not set."""
    return run("config", key, root=root).stdout.decode().strip()


def top() -> Path:
    """The folder with ``.dvc`` that this process stands in or below, else the top of Git's.

    Raises Fault outside of a Git repository.
    """
    end = toplevel()
    here = Path.cwd().resolve()
    inside = [here, *here.parents]
    for folder in inside[: inside.index(end) + 1] if end in inside else []:
        if (folder / ".dvc").is_dir():
            return folder
    return end


def toplevel(root: Path | None = None) -> Path:
    """The top of the Git repository that ``root`` lies in, or this process."""
    return Path(_place((root or Path()).absolute(), "--show-toplevel"))


def prefix(root: Path) -> str:
    """The path of ``root`` from the top of its repository: empty, or with a slash at its end."""
    return _place(root.absolute(), "--show-prefix")


@cache
def _place(root: Path, *what: str) -> str:
    """What `git rev-parse` says of a folder, which stays so for as long as a command runs."""
    return git("rev-parse", *what, root=root)


def blob(root: Path, commit: str, path: str) -> bytes | None:
    """The bytes of a file of Git's at a commit, or None if that commit has no such file.

    Raises Fault if Git cannot tell, or cannot read it.
    """
    return _cat_file("blob", root, commit, path)


def has_file(root: Path, commit: str, path: str) -> bool:
    """Whether a commit has a file at this path. Raises Fault if Git cannot tell."""
    return _cat_file("-t", root, commit, path) == b"blob\n"


def _cat_file(how: str, root: Path, commit: str, path: str) -> bytes | None:
    done = run("cat-file", how, f"{commit}:./{path}", root=root)
    if done.returncode == 0:
        return done.stdout
    tree = run("ls-tree", "-z", commit, "--", path, root=root)
    entry, _, name = tree.stdout.decode(errors="replace").partition("\0")[0].partition("\t")
    is_there = " blob " in entry and name == path
    if b"outside repository" in tree.stderr or not (tree.returncode or is_there):
        return None
    why = (tree.stderr or done.stderr).decode(errors="replace").strip() or "no message"
    raise Fault(f"git: {path} of {commit[:9]}: {why.splitlines()[0].removeprefix('fatal: ')}")


def sizes(root: Path, names: list[str]) -> dict[str, int]:
    """How many bytes objects of Git's have, by name as for ``objects``, if they exist."""
    lines = b"".join(os.fsencode(f"{name}\n") for name in names)
    done = run("cat-file", "--batch-check=%(objectsize)", root=root, input=lines)
    answers = zip(names, done.stdout.split(b"\n"), strict=False)
    return {name: int(size) for name, size in answers if size.isdigit()}


def objects(root: Path, names: list[str]) -> dict[str, bytes]:
    """The bytes of objects of Git's that exist, by names without newlines.

    Raises Fault for one that is damaged.
    """
    return {name: data for name, data in contents(root, names) if data is not None}


def contents(root: Path, names: Iterable[str]) -> Iterator[tuple[str, bytes | None]]:
    """Each name of an object with its bytes, None if it does not exist, one after another.

    Raises Fault for one that is damaged.
    """
    names = list(names)
    with tempfile.TemporaryFile() as request, tempfile.TemporaryFile() as errors:
        request.write(b"".join(os.fsencode(name) + b"\n" for name in names))
        request.seek(0)
        with subprocess.Popen(
            ["git", "cat-file", "--batch"],
            cwd=root,
            env=os.environ | ENGLISH,
            stdin=request,
            stdout=subprocess.PIPE,
            stderr=errors,
        ) as process:
            assert process.stdout
            for name in names:
                head = process.stdout.readline()
                if head.endswith(b" missing\n"):
                    yield name, None
                elif head:
                    yield name, process.stdout.read(int(head.split()[-1]) + 1)[:-1]
            if process.wait():
                errors.seek(0)
                why = errors.read().decode(errors="replace").strip().split("\n")[-1]
                raise Fault(f"git cat-file: {why.removeprefix('fatal: ')}")


def merge_file(sides: Mapping[str, Path]) -> tuple[bytes, bool]:
    """Three files merged by line, and whether that needs no mark of a conflict.

    They are ours, the base and theirs, each by the name that marks call it. Raises Fault if git
    fails.
    """
    labels = [word for name in sides for word in ("-L", name)]
    done = run("merge-file", "-p", "--quiet", *labels, "--", *map(str, sides.values()))
    if done.returncode > 127:  # else the number of conflicts
        raise Fault(f"git merge-file: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout, done.returncode == 0


def smudged(root: Path, name: str) -> bytes | None:
    """What Git writes into the workspace for ``COMMIT:PATH``, filters and newlines applied."""
    done = run("cat-file", "--filters", name, root=root)
    return done.stdout if done.returncode == 0 else None


def files(root: Path, commit: str, path: str = ".") -> list[str]:
    """The paths of the files that Git tracks at a commit, in ``path``."""
    how = ("-r", "-z", "--name-only", commit, "--", path)
    return entries(LITERAL, "ls-tree", *how, root=root)


def workspace_files(root: Path) -> list[str]:
    """The paths of the files that Git tracks, or would, in the workspace."""
    return entries("ls-files", "-z", "--cached", "--others", "--exclude-standard", root=root)


def untracked(root: Path) -> list[str]:
    """The paths, from the top, of the files that Git neither tracks nor ignores."""
    return entries("ls-files", "-z", "--others", "--exclude-standard", root=toplevel(root))


def is_tracked(root: Path, path: str) -> bool:
    """Whether Git's index has a file, or a file in a folder."""
    return bool(git(LITERAL, "ls-files", "--", path, root=root))


def is_left_out(root: Path, path: str) -> bool:
    """Whether a sparse checkout leaves a file out of the workspace."""
    return git(LITERAL, "ls-files", "-v", "--", path, root=root).startswith(("S", "s"))


def changes(root: Path, *options: str, untracked: bool = True, **how: Any) -> list[str]:
    """The paths, from the top, of what is not committed, files that are not tracked among it.

    As far as Git's index knows: what must not miss an edit asks for ``edits``.
    """
    which = f"--untracked-files={'all' if untracked else 'no'}"
    look = ("--no-optional-locks", "-c", "core.fsmonitor=false")  # it may do without writing
    plain = ("status", "--porcelain", "--no-renames", "-z", which, *options)
    return [entry[3:] for entry in entries(*look, *plain, root=root, **how)]


def edits(root: Path, *options: str, untracked: bool = True) -> list[str]:
    """``changes``, with each file looked into."""
    with fresh_index(root) as env:
        return changes(root, *options, untracked=untracked, env=env)


@contextlib.contextmanager
def fresh_index(root: Path) -> Iterator[dict[str, str]]:
    """The variable that has Git read each file: it names a copy of the index that looks old.

    ``add`` says why the index may err. Nor does Git look into files that it is told to overlook by
    ``update-index --assume-unchanged`` or ``--skip-worktree``; the copy does not say so of those
    that are there. The index itself becomes as old, so that the user's Git sees what we saw.
    """
    index = own_path(root, "index")
    with tempfile.TemporaryDirectory(prefix="strata-") as folder:
        copy, top = Path(folder, "index"), toplevel(root)
        env = {"GIT_INDEX_FILE": str(copy)}
        if index.exists():  # there is none before the first file
            shutil.copyfile(index, copy)
            files = entries("ls-files", "-v", "-z", root=top, env=env)
            marked = [entry[2:] for entry in files if entry[0] == "S" or entry[0].islower()]
            there = [name for name in marked if os.path.lexists(top / name)]
            for mark in ("assume-unchanged", "skip-worktree") if there else ():
                names = os.fsencode("".join(f"{name}\0" for name in there))
                how = (f"--no-{mark}", "-z", "--stdin")
                git("update-index", *how, root=top, input=names, env=env)
            os.utime(copy, (1, 1))
            with contextlib.suppress(PermissionError):  # another user has written it
                os.utime(index, (1, 1))
        yield env


def add(root: Path, *arguments: str) -> None:
    """Run ``git add``, which looks into each file here.

    Git tells an unchanged file by its length and the second of its last change, unless that is as
    late as the index; DVC writes the index again, and it is later then. So a param that is set in
    the second of a checkout, from 2 to 3, would be left out. An old index has Git trust no file.
    """
    with contextlib.suppress(FileNotFoundError):  # there is none yet
        os.utime(own_path(root, "index"), (1, 1))
    git("-c", "core.safecrlf=false", LITERAL, "add", *arguments, root=root)


def check_committed(root: Path) -> None:
    """Raise Fault unless all is committed."""
    if changed := edits(root):
        raise Fault(f"not committed: {listed(changed, 1)}; commit first")


def position(root: Path) -> str:
    """The branch that is checked out; the commit if none is."""
    branch = git("branch", "--show-current", root=root)
    if branch and has_ref(root, f"refs/tags/{branch}"):
        return f"refs/heads/{branch}"  # a tag has that name, too
    return branch or git("rev-parse", "HEAD", root=root)


def switch(root: Path, target: str, *, force: bool = False, **options: Any) -> None:
    """``git checkout`` of a branch or a commit, without hooks. Raises Fault if Git fails.

    Does nothing where that commit is checked out already: HEAD stays on its branch.
    """
    if force or target != find_commit(root, "HEAD"):
        how = ["--force"] * force + ["--detach"] * bool(HASH.fullmatch(target))
        branch = target.removeprefix("refs/heads/")  # by its full name it would be a commit
        git(*QUIET, "checkout", "--quiet", *how, branch, "--", root=root, **options)


STEPS = {  # what Git keeps while it is in the middle of something, and the command that ends it
    "rebase-merge": "rebase",
    "rebase-apply": "rebase",
    "BISECT_LOG": "bisect",
    "MERGE_HEAD": "merge",
    "CHERRY_PICK_HEAD": "cherry-pick",
    "REVERT_HEAD": "revert",
}


def in_progress(root: Path) -> str | None:
    """What Git is in the middle of, if anything: merge, rebase, bisect, cherry-pick, revert."""
    return next((what for name, what in STEPS.items() if own_path(root, name).exists()), None)


def is_stepping(root: Path) -> bool:
    """Whether Git is in the middle of a rebase or a bisect."""
    return in_progress(root) in ("rebase", "bisect")


def own_path(root: Path, name: str) -> Path:
    """The path of a file of Git's own, those of this worktree where each has its own."""
    return root / _place(root.absolute(), "--git-path", name)


def main_worktree(root: Path) -> Path:
    """Where ``root`` lies in the repository's first worktree; ``root`` itself if it is in it."""
    folders = git("rev-parse", "--git-dir", "--git-common-dir", root=root).split("\n")
    own, common = ((root / folder).resolve() for folder in folders)
    if own == common:
        return root
    # Of a submodule Git lists the folder of its own instead, which names its worktree.
    named = run("config", "--file", str(common / "config"), "core.worktree", root=root).stdout
    line = lines("worktree", "list", "--porcelain", root=root)[0]
    first = Path(common, os.fsdecode(named).rstrip("\n")) if named else Path(line[9:])
    return first.resolve() / prefix(root)


def worktrees(root: Path) -> list[Path]:
    """The top of each worktree of the repository that is on this disk, that of ``root`` first."""
    printed = lines("worktree", "list", "--porcelain", root=root)
    tops = (
        Path(line.removeprefix("worktree ")) for line in printed if line.startswith("worktree ")
    )
    # Of a bare repository, or a submodule, Git lists its own folder as one.
    return list(dict.fromkeys([toplevel(root), *(top for top in tops if (top / ".git").exists())]))


# What lies in Git's folder and is no note of Git's: what is in refs and logs, it knows.
OTHERS = {"hooks", "info", "lfs", "logs", "modules", "objects", "refs"}


def reachable(root: Path) -> list[str]:
    """The hash of each object that anything of Git's leads to, of any worktree.

    Any reference, reflog, stash and index counts, and what Git has only noted in a file: what was
    fetched last, the work that a rebase has put aside. Raises Fault if the way there is broken.
    """
    folder = root / git("rev-parse", "--git-common-dir", root=root)
    entries = [entry for entry in folder.iterdir() if entry.name not in OTHERS]
    hashes = re.compile(rb"(?<![0-9a-f])(?:[0-9a-f]{40}|[0-9a-f]{64})(?![0-9a-f])")
    texts = (_text(file) for entry in entries for file in (entry, *entry.rglob("*")))
    noted = {name.decode() for text in texts for name in hashes.findall(text)}
    form = "--batch-check=%(objectname)"
    names = "".join(f"{name}\n" for name in sorted(noted)).encode()
    checked = run("cat-file", form, root=root, input=names).stdout.decode().split("\n")[:-1]
    tips = "".join(f"{name}\n" for name in checked if " " not in name).encode()
    every = ("rev-list", "--all", "--reflog", "--indexed-objects", "--objects", "--stdin")
    objects = git(*every, root=root, input=tips).split("\n")
    return [line.partition(" ")[0] for line in objects if line]


def _text(file: Path) -> bytes:
    """The bytes of a file; none of a folder, or of what is gone since: a git may be at work."""
    try:
        return file.read_bytes() if file.is_file() else b""
    except FileNotFoundError:
        return b""


def check_new_branch(root: Path, name: str) -> None:
    """Raise Fault if a branch of this name exists, or Git cannot take the name."""
    if not succeeds("check-ref-format", "--branch", name, root=root):
        raise Fault(f"{name!r} cannot name a branch")
    if has_ref(root, f"refs/heads/{name}"):
        raise Fault(f"a branch {name} exists; name another, or remove it")


@dataclass(frozen=True)
class Commit:
    """A commit, and the blob of each file that it changed, None where the file went."""

    hash: str
    day: str
    subject: str
    changed: dict[str, str | None]


def first_parents(root: Path, tip: str) -> list[Commit]:
    """A commit and all its first parents, the oldest first; what each changed in ``root``."""
    how = ("--raw", "-z", "--no-abbrev", "--no-renames", "--relative", "--format=%H%x00%cs%x00%s")
    printed = git("log", "--first-parent", "-m", *how, tip, "--", root=root)
    commits: list[Commit] = []
    parts = iter(printed.split("\0"))
    for part in parts:
        if (entry := part.lstrip("\n")).startswith(":"):
            *_, blob, status = entry.split()
            commits[-1].changed[next(parts)] = None if status == "D" else blob
        elif entry:
            commits.append(Commit(entry, next(parts), next(parts), {}))
    return commits[::-1]


def is_shallow(root: Path) -> bool:
    """Whether older commits were left out when this repository was cloned."""
    return git("rev-parse", "--is-shallow-repository", root=root) == "true"


def tag_texts(root: Path, tags: Iterable[str]) -> dict[str, str]:
    """The messages of annotated tags, without a signature; of one that is too large, its size."""
    refs = [f"refs/tags/{name}" for name in tags]
    texts = {}
    large = {ref: size for ref, size in sizes(root, refs).items() if size > limits.TAG.most}
    for ref, data in contents(root, [ref for ref in refs if ref not in large]):
        text = (data or b"").partition(b"\n\n")[2].decode(errors="replace")
        texts[ref] = SIGNATURE.split(text, maxsplit=1)[0].strip()
    for ref, size in large.items():
        texts[ref] = f"{size:,} {limits.TAG.what}: too many to be shown"
    return {ref.removeprefix("refs/tags/"): text for ref, text in texts.items()}


@dataclass(frozen=True)
class Tag:
    """An annotated tag of a commit."""

    name: str
    commit: str
    date: str

    @property
    def at(self) -> datetime:
        """When it was made. Raises Fault if it has no date."""
        try:
            return datetime.fromisoformat(self.date)
        except ValueError:
            raise Fault(f"tag {self.name} has no date, but {self.date!r}") from None


def tags(root: Path) -> list[Tag]:
    """The annotated tags of commits."""
    fields = ("objecttype", "*objecttype", "*objectname", "taggerdate:iso-strict", "refname")
    form = "--format=" + "%00".join(f"%({field})" for field in fields)
    rows = [row.split("\0") for row in lines("for-each-ref", form, "refs/tags", root=root)]
    return [
        Tag(ref.removeprefix("refs/tags/"), commit, date)
        for kind, target, commit, date, ref in rows
        if (kind, target) == ("tag", "commit")
    ]


def tag_objects(
    root: Path, commit: str, texts: Mapping[str, str], *, signed: bool = False
) -> dict[str, str]:
    """Make annotated tags of a commit, name to text, as objects that no reference names yet.

    They are signed if asked, or if Git is set so. Returns the object of each, by name. Raises Fault
    if Git refuses one.
    """
    settings = f"include.path={own_path(root, 'config')}"
    objects = {}
    with tempfile.TemporaryDirectory(prefix="strata-") as folder:  # has their references
        env = {"GIT_DIR": folder, "GIT_OBJECT_DIRECTORY": str(own_path(root, "objects"))}
        git("init", "--quiet", "--bare", root=root, env=env)
        how = ("--sign" if signed else "--annotate", "--cleanup=verbatim", "--file=-")
        for name, text in texts.items():
            message = f"{text}\n".encode(errors="surrogateescape")
            git("-c", settings, "tag", *how, name, commit, root=root, env=env, input=message)
            objects[name] = git("rev-parse", f"refs/tags/{name}", root=root, env=env)
    return objects


def place_tags(root: Path, objects: Mapping[str, str]) -> None:
    """Name objects as tags, all of them or none. Raises Fault if one of the names is taken.

    A signal waits for the end: Git would be killed in the middle.
    """
    commands = "".join(f"create refs/tags/{name} {oid}\n" for name, oid in objects.items())
    alone = {"start_new_session": True} if hasattr(os, "setsid") else {}
    with on_signals(Deferred()):
        git("update-ref", "--stdin", root=root, input=commands.encode(), **alone)


def uncommitted(root: Path, paths: list[str]) -> list[str]:
    """The files at or in ``paths`` that Git tracks and that differ from HEAD."""
    if not paths:
        return []
    how = ("--name-only", "--relative", "-z", "HEAD", "--", *paths)
    with fresh_index(root) as env:
        return entries(LITERAL, "diff", *how, root=root, env=env)
