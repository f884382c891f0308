"""`strata release` tags a model that is proven and no worse; `strata models` lists the tags."""

import os
import shutil
from pathlib import Path

import pytest
from project import Project, Strata, change, publish

from strata import git
from strata.core.errors import end, on_signals
from strata.git import refs

pytestmark = pytest.mark.slow


def tags(project: Project) -> list[str]:
    return project.run("git", "tag").split()


def test_a_better_model_takes_the_place_of_the_first(published: Project, strata: Strata) -> None:
    said = strata(published, "release")
    assert "the first in its stage: nothing to hold it against" in said
    assert "released tiny@v0.1.0, and it is prod now" in said
    assert "git push origin 'tiny@v0.1.0' 'tiny#prod#1'" in said
    text = published.run("git", "tag", "--list", "--format=%(contents)", "tiny@v0.1.0")
    assert "executed again: every output has the hash in dvc.lock" in text
    assert "test.roc_auc: 0.76" in text
    assert "this commit is tiny v0.1.0 already" in strata(published, "release", code=1)
    change(published, 3.0)
    said = strata(published, "release", "--bump", "major")
    assert "against tiny@v0.1.0" in said
    assert ": better" in said
    assert "released tiny@v1.0.0" in said
    published.run("git", "push", "--quiet", "--no-verify", "origin", "--tags")
    published.run("git", "tag", "--delete", "tiny#prod#2", "tiny@v1.0.0")
    change(published, 0.5)  # worse than what is in use, which is not known here
    said = strata(published, "release", code=1)
    assert "origin has tiny@v1.0.0, which is not here: `git fetch --tags origin`" in said
    published.run("git", "fetch", "--quiet", "--tags", "origin")
    assert "worse, against tiny@v1.0.0" in strata(published, "release", code=1)
    lines = strata(published, "models").splitlines()
    assert lines[0].split() == ["model", "version", "stage", "commit", "date", "test.roc_auc"]
    assert lines[1].split()[:3] == ["tiny", "v1.0.0", "prod"]
    assert lines[2].split()[1] == "v0.1.0"
    assert "prod" not in lines[2]
    strata(published, "restore", "tiny@v0.1.0")
    assert b"1.0 0" in published.read("models/model.txt")


def test_a_worse_model_needs_a_reason_which_is_in_the_tag(
    published: Project, strata: Strata
) -> None:
    strata(published, "release")
    change(published, 0.01)
    said = strata(published, "release", code=1)
    assert "against it: worse, against tiny@v0.1.0" in said
    assert "against it: gate " in said
    assert "not released" in said
    assert tags(published) == ["tiny#prod#1", "tiny@v0.1.0"]
    assert "needs a reason" in strata(published, "release", "--force", " ", code=1)
    strata(published, "release", "--force", "the old one leaks", "--stage", "trial")
    text = published.run("git", "tag", "--list", "--format=%(contents)", "tiny@v0.2.0")
    assert "the first in its stage" in text
    assert "because: the old one leaks" in text


def test_what_is_not_proven_or_not_stored_is_not_released(
    published: Project, strata: Strata
) -> None:
    published.set(**{"train.skill": 2.0})
    assert "not committed: params.yaml; commit first" in strata(published, "release", code=1)
    published.commit("Another skill, not reproduced")
    said = strata(published, "release", code=1)
    assert "dvc.lock is stale (train): `dvc repro`" in said
    published.run("dvc", "repro", "--quiet")
    published.commit("Reproduce")
    said = strata(published, "release", code=1)
    assert "outputs are not on the remote: `dvc push`" in said
    assert "no remote branch has this commit: `git push`" in said
    assert not tags(published)


def test_a_remote_that_does_not_answer_is_said(published: Project, strata: Strata) -> None:
    published.run("git", "remote", "set-url", "origin", str(published.path / "nowhere"))
    said = strata(published, "release", code=1)
    assert "against it: cannot tell which releases origin has: it does not answer" in said


def test_tags_of_a_remote_that_is_not_followed_do_not_matter(
    published: Project, strata: Strata, tmp_path: Path
) -> None:
    published.run(
        "git", "clone", "--quiet", "--bare", str(tmp_path / "origin"), str(tmp_path / "a")
    )
    published.run("git", "--git-dir", str(tmp_path / "a"), "tag", "tiny@v9.0.0", "main")
    published.run("git", "remote", "add", "a", str(tmp_path / "a"))
    said = strata(published, "release")
    assert "released tiny@v0.1.0" in said
    assert "git push origin 'tiny@v0.1.0' 'tiny#prod#1'" in said


@pytest.mark.parametrize(
    ("dummy", "text"),
    [
        ('"roc_auc": 0.99', "against it: by test.roc_auc: worse than the dummy (gain -0.2"),
        (
            '"roc_auc": 0.99, "roc_auc_gain_low": -0.4, "roc_auc_gain_high": 0.1',
            "\nby test.roc_auc: not shown to be better than the dummy (gain -0.4000 to +0.1000)",
        ),
    ],
)
def test_worse_than_a_dummy_speaks_against_it_and_what_nobody_can_tell_is_said(
    published: Project, strata: Strata, dummy: str, text: str
) -> None:
    evaluate = published.path / "evaluate.py"
    add = f'metrics["test"]["dummy"] = {{{dummy}}}\nPath("metrics/metrics.json").write_text('
    code = evaluate.read_text().replace('Path("metrics/metrics.json").write_text(', add, 1)
    evaluate.write_text(code)
    published.run("dvc", "repro", "--quiet")
    published.commit("A dummy")
    publish(published)
    assert text in strata(published, "release", code=int("against" in text))


def test_a_lock_that_is_not_what_the_pipeline_makes_is_never_released(
    published: Project, strata: Strata
) -> None:
    train = published.path / "train.py"
    train.write_text(
        train.read_text()
        + "import os; open('models/model.txt', 'a').write(' #' + os.urandom(4).hex())\n"
    )
    published.run("dvc", "repro", "--quiet")
    published.commit("A fit that is never the same")
    publish(published)
    said = strata(published, "release", "--force", "I know", code=1)
    assert "not released: dvc.lock is not what the pipeline makes" in said
    assert not tags(published)


def test_nothing_released_and_no_model_are_lines(project: Project, strata: Strata) -> None:
    assert "no model is released" in strata(project, "models")
    assert "dvc.yaml names no model none" in strata(project, "models", "none", code=1)
    file = project.path / "dvc.yaml"
    file.write_text(file.read_text().partition("artifacts:")[0])
    project.commit("No model")
    assert "put it under artifacts:" in strata(project, "release", code=1)


@pytest.mark.parametrize("stage", ["no such name", "-", "trial"])
def test_a_stage_that_is_none_is_refused_before_anything_is_done(
    published: Project, strata: Strata, stage: str
) -> None:
    (published.path / ".gto").write_text("stages: [prod, dev]\n")
    published.commit("Name the stages")
    said = strata(published, "release", f"--stage={stage}", "--force", "Now", code=1)
    assert stage in said
    assert "running the pipeline" not in said
    assert tags(published) == []


@pytest.mark.parametrize("taken", ["tiny#prod#1", "tiny@v0.1.0"])
@pytest.mark.fault(
    "one of the two tags of a release cannot be written", "none is; again makes both"
)
def test_both_tags_are_made_or_none(published: Project, strata: Strata, taken: str) -> None:
    """Git does not write a reference while somebody else holds its lock."""
    lock = published.path / f".git/refs/tags/{taken}.lock"
    lock.touch()
    assert "cannot lock ref" in strata(published, "release", code=1)
    assert tags(published) == []
    lock.unlink()
    strata(published, "release")
    assert tags(published) == ["tiny#prod#1", "tiny@v0.1.0"]


def test_a_signal_between_two_tags_waits_for_both(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "git"
    program.write_text(
        '#!/bin/sh\ncase "$*" in *update-ref*) kill -TERM $PPID;; esac\n'
        f'exec {shutil.which("git")} "$@"\n'
    )
    program.chmod(0o755)
    texts = {"one": "The first", "two": "The second"}
    made = git.tag_objects(project.path, refs.commit_of("HEAD", project.path), texts)
    assert tags(project) == []
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with on_signals(end):
        git.place_tags(project.path, made)
    assert tags(project) == ["one", "two"]
    assert project.run("git", "tag", "--list", "--format=%(contents)", "two") == "The second\n\n"


def test_a_tag_is_signed_where_git_signs_tags(project: Project, tmp_path: Path) -> None:
    program = tmp_path / "gpg"
    program.write_text(
        "#!/bin/sh\ncat > /dev/null\necho '[GNUPG:] SIG_CREATED ' >&2\n"
        "echo '-----BEGIN PGP SIGNATURE-----'\necho '-----END PGP SIGNATURE-----'\n"
    )
    program.chmod(0o755)
    project.run("git", "config", "tag.gpgSign", "true")
    project.run("git", "config", "gpg.program", str(program))
    commit = refs.commit_of("HEAD", project.path)
    git.place_tags(project.path, git.tag_objects(project.path, commit, {"one": "Signed"}))
    assert "BEGIN PGP SIGNATURE" in project.run("git", "cat-file", "tag", "one")


def test_a_tag_of_no_date_is_named_and_one_of_no_model_does_not_matter(
    project: Project, strata: Strata
) -> None:
    text = "object {}\ntype commit\ntag x\ntagger A <a@example.org> 1700000000 +9999\n\nx\n"
    (project.path / "tag").write_text(text.format(refs.commit_of("HEAD", project.path)))
    made = project.run("git", "hash-object", "-t", "tag", "-w", "--literally", "tag").strip()
    project.run("git", "update-ref", "refs/tags/x", made)
    assert "no model is released" in strata(project, "models")
    project.run("git", "update-ref", "refs/tags/tiny@v0.1.0", made)
    assert "tag tiny@v0.1.0 has no date" in strata(project, "models", code=1)


def test_a_commit_with_two_versions_has_both_in_the_list(versions: Project, strata: Strata) -> None:
    def tag(name: str, at: str = "HEAD") -> None:
        versions.run("git", "tag", "--annotate", "--message", "x", name, at)

    def listed() -> list[list[str]]:
        table = strata(versions, "models").partition("\n\n")[0]
        return [line.split()[1:3] for line in table.splitlines()[1:]]

    tag("tiny@v0.1.0", "v1")
    tag("tiny#prod#1", "v1")
    tag("tiny@v0.9.0")
    tag("tiny@v0.10.0")
    tag("tiny@v1.0.0-rc.1")
    tag("tiny#prod#2")
    head = versions.run("git", "rev-parse", "--short=9", "HEAD").strip()
    old = versions.run("git", "rev-parse", "--short=9", "v1").strip()
    assert listed() == [
        *(["v1.0.0-rc.1", "prod"], ["v0.10.0", head], ["v0.9.0", head], ["v0.1.0", old])
    ]
    tag("tiny#prod!#3")  # taken out again
    assert listed()[-1] == ["v0.1.0", "prod"]
    tag("tiny@v0.9.0!#4")
    assert [version for version, _ in listed()] == ["v1.0.0-rc.1", "v0.10.0", "v0.1.0"]
    strata(versions, "models", "--html", "page.html")
    assert "v1.0.0-rc.1" in versions.read("page.html").decode()
    assert "this commit is tiny v1.0.0-rc.1 already" in strata(
        versions, "release", "--force", "x", code=1
    )
