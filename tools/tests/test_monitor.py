"""`strata monitor` says in which partitions a model is stale, and of which it cannot tell."""

import json
from typing import Any

import pandas as pd
import pytest
from project import Project, Strata
from scoring_project import arrive, scores

from strata.compare.held_out import partitions_known
from strata.dvc.revision import Revision
from strata.dvc.store import opened

pytestmark = pytest.mark.slow


@pytest.fixture
def watched(project: Project) -> Project:
    """A project whose first model, hardly better than a coin, is the one in use."""
    scores(project)
    arrive(project, 2, 0.3)
    project.run("git", "tag", "champion")
    return project


def found(project: Project, strata: Strata, code: int, *options: str) -> dict[str, Any]:
    asked = ("monitor", "--champion", "champion", "--json", *options)
    (line,) = (line for line in strata(project, *asked, code=code).splitlines() if line[0] == "{")
    told: dict[str, Any] = json.loads(line)
    return told


def rows(told: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {each["partition"]: each for each in told["partitions"]}


def test_a_champion_that_is_beaten_is_stale_and_one_that_is_not_is_not(
    watched: Project, strata: Strata
) -> None:
    arrive(watched, 3, 3.0)
    arrive(watched, 4, 3.0)
    told = found(watched, strata, 3)
    assert told["answer"] == "stale"
    partitions = rows(told)
    # The first month was held out by the champion alone, the second by one challenger as well.
    assert list(partitions) == ["2013-01", "2013-02", "2013-03", "2013-04"]
    assert "no challenger held it out" in str(partitions["2013-01"]["why_not_judged"])
    assert [each["alarms"] for each in partitions.values()] == [[], [], ["beaten"], ["beaten"]]
    assert [each["learned_through"] for each in partitions.values()] == [
        *(None, "2013-01", "2013-02", "2013-02")
    ]
    assert [each["accepted"] for each in partitions.values()] == [True, True, False, False]
    page = ("--html", "monitor.html")
    text = strata(watched, "monitor", "--champion", "champion", *page, code=3)
    assert 'title "test.roc_auc, champion grey, challenger blue"' in text
    assert "<img alt=" in (watched.path / "monitor.html").read_text()
    (watched.path / "monitor.html").unlink()
    assert "## Monitor: `champion` is stale in 2013-04, first in 2013-03" in text
    assert "Not judged: 2013-01 (no challenger held it out; --replay trains them)." in text
    assert "expected / observed" in text

    arrive(watched, 5, 0.3)  # the model of the newest month is as the champion
    told = found(watched, strata, 0)
    assert told["answer"] == "not stale"
    assert rows(told)["2013-05"]["beaten"]["p_value"] == 1.0


def test_a_champion_that_breaks_is_stale_though_its_challengers_are_as_broken(
    watched: Project, strata: Strata
) -> None:
    file = watched.path / "data.py"
    flipped = "    label = 1 - label if month > 3 else label\n    columns = {"
    file.write_text(file.read_text().replace("    columns = {", flipped))
    arrive(watched, 3, 3.0)
    watched.run("git", "tag", "--force", "champion")
    arrive(watched, 5, 3.0)
    told = found(watched, strata, 3)
    assert rows(told)["2013-04"]["alarms"] == ["useless"]  # at once
    assert rows(told)["2013-05"]["alarms"] == ["fallen", "useless"]
    said = strata(watched, "monitor", "--champion", "champion", code=3)
    assert "Worse than where it was accepted in 2013-05. Worse than a dummy in 2013-04" in said


def test_the_release_in_use_is_what_is_watched(watched: Project, strata: Strata) -> None:
    assert "no release of tiny is in the stage prod" in strata(watched, "monitor", code=1)
    for tag in ("tiny@v1.0.0", "tiny#prod#1"):
        watched.run("git", "tag", "--annotate", "--message", "x", tag)
    assert "not enough data to judge whether `tiny@v1.0.0` is stale" in strata(
        watched, "monitor", code=4
    )


def test_labels_that_come_late_and_rows_that_do_not_fit_are_said(
    watched: Project, strata: Strata
) -> None:
    arrive(watched, 3, 3.0)
    data = watched.path / "data.py"
    late = "    if month == 4:\n        columns['none'] = label\n"
    text = data.read_text().replace("    table = pa.table(", late + "    table = pa.table(")
    text = text.replace('"label": label}', '"label": label if month < 4 else [None] * 400}')
    text = text.replace(
        "pa.table(columns |", "pa.table({'day': columns['day'], 'id': columns['id']} |"
    )
    data.write_text(text)
    evaluate = watched.path / "evaluate.py"
    evaluate.write_text(
        evaluate.read_text().replace('.glob("*.parquet")', '.glob("*-0[1-3].parquet")')
    )
    arrive(watched, 4, 3.0)
    told = found(watched, strata, 3)
    assert rows(told)["2013-04"]["why_not_judged"] == "it has no labels yet"
    text = strata(watched, "monitor", "--champion", "champion", code=3)
    assert "Judged through 2013-03." in text
    assert "Not judged: 2013-01 (" in text
    assert "2013-04 (it has no labels yet)" in text


def test_the_past_is_replayed_by_training_as_of_each_partition(
    watched: Project, strata: Strata
) -> None:
    arrive(watched, 4, 3.0)
    live = rows(found(watched, strata, 3))
    assert live["2013-02"]["beaten"]["p_value"] is None
    before = watched.run("git", "status", "--porcelain")
    past = rows(found(watched, strata, 3, "--replay"))
    assert [past[f"2013-{month:02}"]["challenger"] for month in (1, 2, 3, 4)] == [
        *("through 2013-02", "through 2013-03", "through 2013-04", "through 2013-04")
    ]
    # The model through February held out both months, so it knew nothing of what came since.
    assert "has learned from anything newer" in past["2013-01"]["why_not_judged"]
    assert [each["alarms"] for each in past.values()] == [[], [], ["beaten"], ["beaten"]]
    assert watched.run("git", "status", "--porcelain") == before


def test_what_is_lacking_is_one_line(watched: Project, strata: Strata) -> None:
    settings = watched.path / "pyproject.toml"
    whole = settings.read_text()
    for old, new, said in (
        ('data = "data/raw"', "", "set data in [tool.strata.monitor]"),
        ('data = "data/raw"', 'data = "data/none"', "has no output data/none"),
        ('data = "data/raw"', "dta = 1", "dta is not known; there are data, through"),
        ('through = "data.months"', "", "set through in [tool.strata.monitor]"),
        ('through = "data.months"', 'through = "data.years"', "which is no param of params.yaml"),
    ):
        settings.write_text(whole.replace(old, new))
        text = strata(watched, "monitor", "--champion", "champion", "--replay", code=1)
        assert said in text.splitlines()[-1]


def test_labels_that_were_corrected_since_are_said(watched: Project, strata: Strata) -> None:
    file = watched.path / "data.py"
    flipped = "    label = 1 - label if month == 2 else label\n    columns = {"
    file.write_text(file.read_text().replace("    columns = {", flipped))
    arrive(watched, 3, 3.0)
    told = found(watched, strata, 0)
    assert told["notes"] == ["Corrected since: 2013-02."]
    with opened(watched.path) as store:
        champion = Revision(store, watched.run("git", "rev-parse", "champion").strip())
        champion.local("data/raw/2013-02.parquet").unlink()
    told = found(watched, strata, 4)  # the figures are there, and judge nothing
    assert all(each["beaten"]["p_value"] is None for each in told["partitions"])
    newest = rows(told)["2013-03"]
    assert newest["challenger_metric"]
    why = "it is unknown whether a model learned from it: `data/raw of "
    assert str(newest["why_not_judged"]).startswith(why)


def test_rows_of_ones_own_are_judged_by_the_last_commit(watched: Project, strata: Strata) -> None:
    arrive(watched, 4, 3.0)
    live = watched.path.parent / "live"
    live.mkdir()
    months = [pd.read_parquet(watched.path / f"data/raw/2013-0{month}.parquet") for month in (3, 4)]
    months[0].drop(columns="day").assign(day=months[0]["day"], asked="now").to_parquet(
        live / "a.parquet", index=False
    )
    months[1].loc[7, "signal"] = None
    months[1].to_csv(live / "b.csv", index=False)
    months[1].drop(columns="label").to_parquet(live / "c.parquet", index=False)
    one = months[1][months[1]["label"] == 1].head(30)  # the first labels that come, of one class
    one.to_csv(live / "d.csv", index=False, sep=";")
    told = found(watched, strata, 3, "--on", str(live))
    assert told["answer"] == "stale"
    assert [each["alarms"] for each in rows(told).values()] == [[], ["beaten"], [], []]
    assert rows(told)["c"]["why_not_judged"] == "it has no labels yet"
    assert [each["rows"] for each in rows(told).values()] == [400, 400, 400, 30]
    assert [each["refused"] for each in rows(told).values()] == [0, 1, 1, 0]
    assert "roc_auc cannot be had" in str(rows(told)["d"]["why_not_judged"])
    watched.run("git", "tag", "now")
    (watched.path / "notes").write_text("nothing that a stage reads")
    watched.commit("The same model")
    said = strata(watched, "monitor", "--champion", "now", "--on", str(live), code=4)
    assert "Not judged: a, b (the model of the last commit is the champion itself)" in said
    assert "| cannot tell" in said  # but how the labels came beside what was expected
    said = strata(watched, "monitor", "--on", "nowhere", "--champion", "champion", code=1)
    assert "nowhere: no such file" in said.splitlines()[-1]


def test_rows_that_a_model_may_have_learned_from_do_not_count(
    watched: Project, strata: Strata
) -> None:
    evaluate = watched.path / "evaluate.py"
    evaluate.write_text(
        evaluate.read_text().replace('.glob("*.parquet")', '.glob("*-0[23].parquet")')
    )
    arrive(watched, 2, 0.3)
    watched.run("git", "tag", "--force", "champion")
    arrive(watched, 4, 3.0)  # the last month is in its data, and it has no predictions of it
    live = watched.path.parent / "live"
    live.mkdir()
    months = [pd.read_parquet(watched.path / f"data/raw/2013-0{month}.parquet") for month in (3, 4)]
    pd.concat([months[0], months[1][:30]]).to_parquet(live / "a.parquet", index=False)
    months[1].to_csv(live / "b.csv", index=False, sep=";")
    told = found(watched, strata, 4, "--on", str(live))  # a single file that counts tells nothing
    assert rows(told)["a"]["challenger_metric"]
    assert rows(told)["b"]["why_not_judged"] == "one of the two may have learned from it"
    assert [each["name"] for each in told["drift"]] == ["signal"]
    assert told["notes"] == [
        "30 rows of a do not count: one of the two may have learned from them."
    ]
    settings = watched.path / "pyproject.toml"
    settings.write_text(settings.read_text().replace('data = "data/raw"', ""))
    told = found(watched, strata, 4, "--on", str(live))
    assert not any(each["alarms"] for each in rows(told).values())
    why = "it is unknown whether a model learned from it: `set data in"
    assert str(rows(told)["b"]["why_not_judged"]).startswith(why)
    assert rows(told)["b"]["challenger_metric"]  # shown, and judging nothing


def test_a_model_of_the_past_knew_nothing_of_what_came_later(watched: Project) -> None:
    arrive(watched, 3, 3.0)
    settings = watched.path / "pyproject.toml"
    settings.write_text(settings.read_text().replace("data.months", "data.last"))
    commits = {}
    for last in (None, "2013-02", "the end of time"):
        watched.set(**{"data.last": last})
        commits[last] = watched.commit(f"Through {last}")
    with opened(watched.path) as store:
        months = {
            last: list(partitions_known(Revision(store, commit)))
            for last, commit in commits.items()
        }
    assert months[None] == months["the end of time"] == ["2013-01", "2013-02", "2013-03"]
    assert months["2013-02"] == ["2013-01", "2013-02"]


def test_a_champion_of_long_ago_scores_what_a_challenger_held_out(
    watched: Project, strata: Strata
) -> None:
    evaluate = watched.path / "evaluate.py"
    text = evaluate.read_text()
    for months, name in (("12", "old"), ("34", "new")):
        held_out = f'.glob("*-0[{months}].parquet")'
        evaluate.write_text(text.replace('.glob("*.parquet")', held_out))
        skill = {"old": 0.3, "new": 3.0}[name]
        arrive(watched, int(months[-1]), skill)
        watched.run("git", "tag", name)
    said = strata(watched, "compare", "old", "new", code=4)  # nothing of a revision is run unasked
    assert "with `--rebuild` the champion scores the challenger's, by its own code" in said
    said = strata(watched, "compare", "old", "new", "--rebuild")
    assert said.startswith("new against old: better")
    assert "on the 800 rows that neither learned from" in said
    assert "the champion has scored the challenger's now" in said
    said = strata(
        watched, "compare", "new", "old", "--rebuild", code=4
    )  # the newer one has learned from all
    assert "all that the challenger held out is in the data of" in said
    settings = watched.path / "pyproject.toml"
    settings.write_text(settings.read_text().replace('data = "data/raw"', ""))
    assert "no predictions match any" in strata(watched, "compare", "old", "new", code=4)


def test_a_text_of_others_in_a_note_stays_inert(watched: Project, strata: Strata) -> None:
    (watched.path / "seeds.json").write_text('{"<script>": 1}')
    watched.commit("A broken measurement")
    watched.run("git", "tag", "--force", "champion")
    page = ("--html", str(watched.path.parent / "page.html"))
    text = strata(watched, "monitor", "--champion", "champion", *page, code=4)
    assert "&#60;script&#62;" in text
    assert "<script>" not in text + (watched.path.parent / "page.html").read_text()
