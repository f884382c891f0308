"""How far each metric moves when nothing but the seed of the training differs.

`strata seeds` measures it and commits the file; the report widens its intervals by it.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from strata.compare.scoring import parts
from strata.core import trust
from strata.core.errors import Fault
from strata.core.settings import section
from strata.core.values import real
from strata.dvc.revision import Revision

NAMES = ("seed", "random_state")


@dataclass(frozen=True)
class Seeds:
    """The standard deviation (ddof 1) of metrics by dotted name, over fits with ``seeds``.

    ``commit`` is the one that was measured; ``param`` the one that was varied.
    """

    commit: str
    param: str
    seeds: list[int]
    sd: dict[str, float]

    def of(self, metric: str) -> float | None:
        """The deviation of a metric; of a bare name, the largest among the splits'. None if none.

        A metric on the rows that two versions share stands between those of the splits.
        """
        if metric in self.sd or parts(metric)[0] != [""]:
            return self.sd.get(metric)
        return max((v for name, v in self.sd.items() if parts(name)[1] == metric), default=None)

    def dump(self) -> str:
        """The text of the file."""
        return json.dumps(asdict(self), indent=2, sort_keys=True) + "\n"


def params_of(revision: Revision) -> list[str]:
    """The params that may be the seed of the training: that of the settings, else those of the
    model's stages that are called so."""
    if named := section(revision.root, "seeds").get("param"):
        return [str(named)]
    models = set(revision.models)
    stages = [s for s in revision.stages.values() if not models or models & set(s.outs)]
    return sorted({n for stage in stages for n in stage.params if n.split(".")[-1] in NAMES})


def place(root: Path) -> str:
    """The file's path from the top of the repository."""
    return str(section(root, "seeds").get("file", "seeds.json"))


def read(text: str, path: str) -> Seeds:
    """Read the text of the file. Raises Fault, naming ``path``, if it is no such file."""
    try:
        content = json.loads(text)
        trust.check_values(content, path)
        measured = Seeds(**content)
        if len(measured.seeds) < 2 or not all(map(_is_deviation, measured.sd.values())):
            raise ValueError(
                "it must have two seeds or more, and a standard deviation of each metric"
            )
        if not isinstance(measured.commit, str) or not isinstance(measured.param, str):
            raise ValueError("commit and param must be texts")
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        why = f"{path} is not what `strata seeds` writes: {error}"
        raise Fault(f"{why}; run `strata seeds` again") from None
    return measured


def _is_deviation(value: object) -> bool:
    return (size := real(value)) is not None and size >= 0
