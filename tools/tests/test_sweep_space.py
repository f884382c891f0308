"""What stands after -S: the same grammar as DVC's, checked before any work."""

import pytest

from strata.core.errors import Fault
from strata.sweep import space

KEYS = ["train.lr", "train.seed", "train.model", "evaluate.seed"]


def parse(*settings: str) -> list[space.Dimension]:
    found = space.parse(list(settings))
    space.check(found, lambda _: KEYS)
    return found


def test_a_grid_is_every_combination_in_the_order_of_dvc() -> None:
    points = space.grid(parse("train.lr=0.03,0.1", "train.seed=range(1,6,2)"))
    assert [space.overrides(point) for point in points] == [
        ["train.lr=0.03", "train.seed=1"],
        ["train.lr=0.03", "train.seed=3"],
        ["train.lr=0.03", "train.seed=5"],
        ["train.lr=0.1", "train.seed=1"],
        ["train.lr=0.1", "train.seed=3"],
        ["train.lr=0.1", "train.seed=5"],
    ]


@pytest.mark.parametrize(
    ("setting", "texts"),
    [
        ("train.lr=choice(0.1,1)", ("0.1", "1")),
        ("train.model=a,b", ("a", "b")),
        ("train.lr=range(0,1,0.5)", ("0.0", "0.5")),
        ("train.lr=7", ("7",)),
        ("+train.new=1,2", ("1", "2")),
        ("other.yaml:train.lr=1,2", ("1", "2")),
    ],
)
def test_values_are_kept_as_written(setting: str, texts: tuple[str, ...]) -> None:
    (dimension,) = parse(setting)
    assert dimension.texts == texts
    assert space.overrides({dimension.name: texts[0]}) == [
        f"{setting.partition('=')[0]}={texts[0]}"
    ]


def test_a_search_draws_from_intervals_ranges_and_choices() -> None:
    pytest.importorskip("optuna")
    names = ["train.lr=tag(log,interval(0.001,1))", "train.seed=range(2,9,3)", "train.model=a,b"]
    lr, seed, model = space.distributions(parse(*names), search=True).values()
    assert (lr.low, lr.high, lr.log) == (0.001, 1, True)  # type: ignore[attr-defined]
    assert (seed.low, seed.high, seed.step) == (2, 8, 3)  # type: ignore[attr-defined]
    assert model.choices == ("a", "b")  # type: ignore[attr-defined]
    (whole,) = space.distributions(parse("train.seed=int(interval(1,4))"), search=True).values()
    assert type(whole).__name__ == "IntDistribution"


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("train.lrr=1,2", "did you mean 'train.lr'"),
        ("nothing=1,2", "is not a key of params.yaml"),
        ("train.seed=range(5,5)", "has no values"),
        ("train.seed=range(5", "not understood"),
        ("train.lr=interval(2,1)", "an interval goes up"),
        ("train.lr=tag(log,interval(0,1))", "from above 0"),
        ("train.lr=glob(*)", "name the values"),
        ("train.lr", "not understood"),
        ("=1", "is not a key"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_line(setting: str, said: str) -> None:
    with pytest.raises(Fault, match=r"^.*$") as raised:
        parse(setting)
    assert said in str(raised.value)


def test_a_parameter_stands_once() -> None:
    with pytest.raises(Fault, match="twice"):
        parse("train.lr=1,2", "train.lr=3")


def test_an_interval_is_no_grid() -> None:
    with pytest.raises(Fault, match="--trials"):
        space.grid(parse("train.lr=interval(1,2)"))


def test_columns_have_the_shortest_names_that_differ() -> None:
    assert space.short(["train.lr", "train.seed", "evaluate.seed"]) == {
        "train.lr": "lr",
        "train.seed": "train_seed",
        "evaluate.seed": "evaluate_seed",
    }


def test_a_column_never_hides_another_of_the_table() -> None:
    names = ["train.error", "val.error", "val.best", "state", "train.lr"]
    columns = space.short(names)
    assert not set(columns.values()) & set(space.COLUMNS)
    assert len(set(columns.values())) == len(names)
    assert columns["train.lr"] == "lr"
