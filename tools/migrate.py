"""Move settings that a newer version of the template calls otherwise; copier runs it in an update.

It needs nothing but Python, since the tools in the environment are still the old ones.
"""

import re
from pathlib import Path

SETTINGS = Path("pyproject.toml")
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


def main() -> None:
    text, said = moved(SETTINGS.read_text(encoding="utf-8"), RENAMED)
    if said:
        SETTINGS.write_text(text, encoding="utf-8", newline="\n")
        print("\n".join(said))


if __name__ == "__main__":
    main()
