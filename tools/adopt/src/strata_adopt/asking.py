"""What only the user knows, and is asked for."""

from dataclasses import replace

from strata.core.errors import Fault
from strata_adopt.facts import Column
from strata_adopt.plan import Options, Plan, check_names
from strata_adopt.scan import Table
from strata_adopt.sources import Source


def ask(question: str) -> str:
    """The answer, without the space around it. Raises Fault if nobody gives one."""
    try:
        return input(f"{question} ").strip()
    except EOFError:
        raise Fault("no answer: --yes accepts what is proposed") from None


def confirm(question: str) -> bool:
    """Whether the answer is yes, or nothing."""
    return ask(f"{question} [Y/n]").lower() in ("", "y", "yes")


def order(column: Column, example: str) -> str:
    """The order of day, month and year that the dates of a column are in."""
    orders = {reading.order[0]: reading.order for reading in column.either}
    question = f"{example} in {column.name!r}: which is first, {', '.join(orders.values())}?"
    while (answer := ask(f"{question} [{'/'.join(orders)}]")[:1].lower()) not in orders:
        pass
    return orders[answer]


def header(source: Source) -> None:
    """Ask whether the names are where they were found, unless it is the first row."""
    if source.header and not confirm(f"Are the columns named in {source.header}?"):
        raise Fault("name the rows that name the columns: --header 2, or --header 1 2")


def late_columns(table: Table, options: Options) -> Options:
    """The options, less the columns that are known too late."""
    while True:
        answer = ask(
            "Which of these columns would you not know yet when the prediction is due?\n"
            "(names with commas between them, nothing for none)"
        )
        late = tuple(name.strip() for name in answer.split(",") if name.strip())
        changed = replace(options, drop=tuple(dict.fromkeys([*options.drop, *late])))
        try:
            check_names(table, changed)
            return changed
        except Fault as fault:
            print(fault)


def absent_columns(table: Table, options: Options) -> Options:
    """The options, less those columns that not all files have, and that the user leaves out."""
    for name, files in table.absent.items():
        if name not in options.drop and not confirm(
            f"{files[0]} has no column {name!r}: is it missing there? (n leaves it out everywhere)"
        ):
            options = replace(options, drop=(*options.drop, name))
    return options


def split(plan: Plan, options: Options) -> Options:
    """The options, with what the user says of a split that was only proposed."""
    if options.time or options.group:
        return options
    if (time := plan.one("time")) and not confirm(
        f"Will the model predict what comes after {time.facts.high}, so that the newest rows by "
        f"{time.column.name!r} are held out?"
    ):
        return replace(options, time="")
    if (group := plan.one("group")) and not confirm(
        f"Will the model meet a {group.column.name!r} that it has not seen, so that whole ones are "
        "held out?"
    ):
        return replace(options, group="")
    return options
