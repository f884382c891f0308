"""What a newer version of the template asks of a project; copier runs it in an update.

Before its merge, a line that `strata adopt` once wrote and the template has changed since becomes
the template's: the merge would stop there. After it, settings that are called otherwise now are
moved, and the tests of the kit are taken back where the project had none: they are the template's,
and go when its own data comes.

It needs nothing but Python, since the tools in the environment are still the old ones.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

SETTINGS = Path("pyproject.toml")
TESTS = Path("tests/kit")
ADOPTED = 'mypy_path = ".github:src:tests:tools/tests:tools/src"\n'
FLAT = Path("src/partitions.py")  # of the time before src/kit
RENAMED: dict[str, str] = {}  # of tables and keys below [tool.strata]: "report.old": "report.new"


def moved(text: str, renamed: dict[str, str]) -> tuple[str, list[str]]:
    """The text of a pyproject.toml with new names, and what is to be said of each old one.

    A table is renamed with its header, a key where it stands: so comments and values stay.
    """
    lines, said, table = text.splitlines(keepends=True), [], ""
    known = {name for name, _ in _names(lines)}
    for at, (name, is_table) in enumerate(_names(lines)):
        table = name if is_table else table
        new = renamed.get(name)
        if new is None:
            continue
        if new in known or (not is_table and new.rpartition(".")[0] != table):
            said.append(f"{SETTINGS}: {name} is now {new}: move it by hand")
            continue
        old_key, new_key = (n if is_table else n.rpartition(".")[2] for n in (name, new))
        lines[at] = lines[at].replace(old_key, new_key, 1)
        said.append(f"{SETTINGS}: {name} is now {new}: moved")
    return "".join(lines), said


def _names(lines: list[str]) -> list[tuple[str, bool]]:
    """What each line names below [tool.strata], and whether as a table; empty if it does not."""
    table, found = "", list[tuple[str, bool]]()
    for line in lines:
        header = re.match(r"\[([^\[\]]+)\]", line)
        key = re.match(r"([\w-]+)\s*=", line)
        if header:
            inside = header[1].startswith("tool.strata.")
            table = header[1].removeprefix("tool.strata.") if inside else ""
        found.append(
            (f"{table}.{key[1]}" if table and key else table if header else "", bool(header))
        )
    return found


def is_new(folder: Path) -> bool:
    """Whether there is a folder that the last commit did not have."""
    listed = ["git", "ls-tree", "--name-only", "HEAD", "--", folder.as_posix()]
    done = subprocess.run(listed, capture_output=True, text=True, check=False)
    return folder.is_dir() and done.returncode == 0 and not done.stdout.strip()


def before(newer: Path) -> None:
    """Take over the line from the settings of a newer template."""
    text = SETTINGS.read_text(encoding="utf-8")
    found = re.search(r"^mypy_path = .*\n", newer.read_text(encoding="utf-8"), re.MULTILINE)
    if ADOPTED in text and found:
        SETTINGS.write_text(text.replace(ADOPTED, found[0]), encoding="utf-8", newline="\n")
        # Copier takes what is the project's from the index.
        subprocess.run(["git", "add", "--", SETTINGS.name], check=True)


def main() -> None:
    text, said = moved(SETTINGS.read_text(encoding="utf-8"), RENAMED)
    if said:
        SETTINGS.write_text(text, encoding="utf-8", newline="\n")
    if is_new(TESTS):
        shutil.rmtree(TESTS)
    if FLAT.is_file():
        said.append(
            "src/kit is new. Your stages run as they did; docs/template.md says how to move to it"
        )
    if said:
        print("\n".join(said))


if __name__ == "__main__":
    if sys.argv[1:] == ["before"]:
        before(Path(__file__).parents[1] / SETTINGS)
    else:
        main()
