"""What is asked of the user, and only what the data cannot tell."""

from dataclasses import replace

from strata.core.errors import Fault
from strata_adopt.proposal import Options, Proposal, check_names
from strata_adopt.scan import Table


def answer(question: str) -> str:
    """Ask, and return the answer without the space around it. Raises Fault if there is none."""
    try:
        return input(f"{question} ").strip()
    except EOFError:
        raise Fault("nobody answers: --yes takes what is proposed") from None


def agreed(question: str) -> bool:
    """Whether the answer is yes, or nothing."""
    return answer(f"{question} [Y/n]").lower() in ("", "y", "yes")


def known_in_time(table: Table, options: Options) -> Options:
    """The options with the columns that the user says are known too late."""
    while True:
        said = answer(
            "Which of these columns would you not know yet when the prediction is due?\n"
            "(names with commas between them, nothing for none)"
        )
        late = tuple(name.strip() for name in said.split(",") if name.strip())
        asked = replace(options, drop=tuple(dict.fromkeys([*options.drop, *late])))
        try:
            check_names(table, asked)
            return asked
        except Fault as fault:
            print(fault)


def split(made: Proposal, options: Options) -> Options:
    """The options with what the user says of the split, where one was only proposed."""
    if options.time or options.group:
        return options
    if (time := made.one("time")) and not agreed(
        f"Will the model predict what comes after {time.facts.high}, so that the newest rows by "
        f"{time.column.name!r} are held out?"
    ):
        return replace(options, time="")
    if (group := made.one("group")) and not agreed(
        f"Will the model meet a {group.column.name!r} that it has not seen, so that whole ones are "
        "held out?"
    ):
        return replace(options, group="")
    return options
