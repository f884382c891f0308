"""`strata doctor` says how a project stands, and what it cannot tell."""

import os
import sysconfig
from pathlib import Path

import pytest
from project import Project, Strata, sandbox


def said(strata: Strata, project: Project, code: int) -> dict[str, str]:
    """What is said of each part."""
    lines = strata(project, "doctor", code=code).splitlines()
    width = lines[0].index(next(word for word in lines[0].split("  ")[1:] if word).strip())
    return {line[:width].strip(): line[width:].strip() for line in lines}


def test_what_is_not_there_is_not_called_well(project: Project, strata: Strata) -> None:
    found = said(strata, project, 1)
    assert found["environment"] == "no requirements-dev.lock: cannot tell"
    assert found["tools"] == "not part of this repository"
    assert found["hooks"].startswith("missing: pre-commit, post-checkout, ")
    assert ", the merge driver" in found["hooks"]
    assert found["hooks"].endswith("make hooks")
    assert found["storage"].startswith("none")
    assert found["template"].startswith("cannot tell: no .copier-answers.yml")


def test_hooks_and_pins_are_seen(project: Project, strata: Strata) -> None:
    project.run("strata", "hook", "install")
    hook = project.path / ".git/hooks/pre-commit"
    hook.write_text("#!/bin/sh\nexec pre-commit\n")
    pins = project.path / "requirements-dev.lock"
    pins.write_text("pandas==0.1 \\\n    --hash=x\nnothing-such==1 ; sys_platform == 'none' \\\n")
    found = said(strata, project, 1)
    assert found["hooks"] == "installed"
    assert found["environment"].startswith("pandas ")
    assert ", not 0.1" in found["environment"]
    assert "nothing-such" not in found["environment"]
    pins.write_text("")
    assert said(strata, project, 0)["environment"] == "as requirements-dev.lock has it"


def test_what_a_commit_costs_on_the_disk(project: Project, strata: Strata) -> None:
    for kind, end in (("copy", "copied to the workspace; "), ("symlink", "shares it (symlink)")):
        project.run("dvc", "config", "--local", "cache.type", kind)
        assert end in said(strata, project, 1)["cache"]
    model = (project.path / "models/model.txt").resolve().read_bytes()
    project.set(**{"train.skill": 3.0})
    (project.path / "train.py").write_text((project.path / "train.py").read_text() + "\n")
    with (project.path / "train.py").open("a") as file:
        file.write('with open("models/model.txt", "a") as f: f.write(" " * 3_000_000)\n')
    project.run("dvc", "repro", "--quiet")
    assert model not in (project.path / "models/model.txt").read_bytes()
    project.commit("Another model")
    found = said(strata, project, 1)["cache"]
    assert found.startswith("3.")
    assert " 3.0 MB of it new" in found or " 3.1 MB of it new" in found
    (project.path / ".dvc/config").write_text("[nonsense\n")
    assert said(strata, project, 1)["cache"].startswith("cannot tell: ")


def test_secrets_that_workflows_use_are_asked_for(
    project: Project, strata: Strata, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert said(strata, project, 1)["secrets"] == "no workflow of GitHub's uses one"
    flow = project.path / ".github/workflows/a.yml"
    flow.parent.mkdir(parents=True)
    flow.write_text(
        "env:\n  A: ${{ secrets.KEY }}\n  B: ${{ secrets.GITHUB_TOKEN }}\n"
        "  C: ${{ secrets.OPTIONAL || github.token }}\n"
    )
    program = tmp_path / "gh"
    for text, answer in (
        ("exit 4", "cannot tell whether KEY are set"),
        ("echo OTHER 2024", "not set: KEY"),
        ("echo KEY 2024", "set"),
    ):
        program.write_text(f"#!/bin/sh\n{text}\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
        assert said(strata, project, 1)["secrets"].startswith(answer)


@pytest.mark.parametrize(
    "name", ["tools/src/strata/cli.py", "tools/adopt/src/strata_adopt/code.py"]
)
def test_other_tools_than_those_of_the_project_are_seen(
    name: str, project: Project, strata: Strata
) -> None:
    place = project.path / name
    place.parent.mkdir(parents=True)
    place.write_text("# newer\n")
    assert said(strata, project, 1)["tools"].startswith("not those in tools/")
    installed = Path(*place.parts[-2:])
    place.write_bytes(Path(sysconfig.get_path("purelib"), installed).read_bytes())
    assert said(strata, project, 1)["tools"] == "as in tools/"


@pytest.fixture
def template(tmp_path: Path) -> Project:
    """A template with two versions."""
    template = Project(tmp_path / "template", sandbox(tmp_path / "home"))
    template.path.mkdir()
    template.run("git", "init", "--quiet")
    own = ("/src/*.py", "/data")
    lines = [
        f"""  - "{{% if _copier_operation == 'update' %}}{name}{{% endif %}}\"""" for name in own
    ]
    (template.path / "copier.yml").write_text("\n".join(["_exclude:", *lines]))
    (template.path / ".copier-answers.yml.copier").write_text("{{ _copier_answers }}")
    for tag in ("v0.9.0", "v0.10.0"):
        for name in ("Makefile", "src/own.py", "src/kit/base/stage.py", "data/any/README.md"):
            (template.path / name).parent.mkdir(parents=True, exist_ok=True)
            (template.path / name).write_text(f"{tag}\n")
        template.commit(tag)
        template.run("git", "tag", tag)
    return template


def test_the_template_is_compared_or_cannot_be_told(
    project: Project, strata: Strata, template: Project
) -> None:
    answers = project.path / ".copier-answers.yml"
    answers.write_text(f"_src_path: {template.path}\n_commit: v0.9.0\n")
    for name in ("Makefile", "src/kit/base/stage.py"):
        (project.path / name).parent.mkdir(parents=True, exist_ok=True)
        (project.path / name).write_text("v0.9.0\n")
    found = said(strata, project, 1)
    assert found["template"].startswith("v0.9.0, and v0.10.0 is there")
    assert "" not in found
    (project.path / "Makefile").write_text("ours\n")
    assert said(strata, project, 1)[""] == "changed by hand: Makefile"
    (project.path / "src/kit/base/stage.py").write_text("ours\n")
    found = said(strata, project, 1)
    assert found[""] == "changed by hand: Makefile, src/kit/base/stage.py"
    answers.write_text(f"_src_path: {template.path}\n_commit: v0.10.0\n")
    assert said(strata, project, 1)["template"] == "v0.10.0, the newest"
    answers.write_text(f"_src_path: {template.path}/nowhere\n_commit: v0.10.0\n")
    assert said(strata, project, 1)["template"].startswith("v0.10.0; cannot tell more: git clone:")


def test_data_that_was_never_here_is_said_to_be(
    versions: Project, strata: Strata, tmp_path: Path
) -> None:
    clone = Project(tmp_path / "clone", versions.env)
    versions.run("git", "clone", "--quiet", str(versions.path), str(clone.path))
    found = said(strata, clone, 1)["cache"]
    assert found.startswith("0.0 MB in this commit (not here: data/raw, metrics/predictions.parq")
    assert "how much of it is new is unknown: the commit before is not here" in found
