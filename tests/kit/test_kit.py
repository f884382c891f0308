"""The kit as a dependency: who is stale after an edit of it, and whose kit a stage imports."""

import json
import sys
from pathlib import Path

import pytest
from conftest import Project

pytestmark = pytest.mark.slow

BEFORE = {"params", "ingest", "prepare", "featurize"}
AFTER = {"evaluate", "explain", "card"}
EDITS = {
    "src/kit/base/tables.py": {*BEFORE, "train", *AFTER},
    "src/kit/learn/fitting.py": {"train", *AFTER},
    "src/kit/report/summary.py": AFTER,
    "src/kit/serve/rows.py": set(),
    "src/kit/params.py": {"params"},
}
LEFT = [  # by Python, editors and notebooks
    *("__pycache__/fitting.cpython-311.pyc", "fitting.pyc", "fitting.py~", ".fitting.py.swp"),
    *("notes.txt", ".ipynb_checkpoints/fitting-checkpoint.py"),
]


def stale(project: Project) -> set[str]:
    """The stages of which something that they depend on has changed."""
    found: dict[str, object] = json.loads(project.run("dvc", "status", "--json"))
    return set(found)


def run_by(project: Project) -> list[str]:
    """The stages that `dvc repro` would run."""
    said = project.run("dvc", "repro", "--dry")
    return [line.split("'")[1] for line in said.splitlines() if line.startswith("Running stage")]


def edit(project: Project, name: str, old: str = "", new: str = "") -> None:
    path = project.path / name
    text = path.read_text(encoding="utf-8")
    assert not old or text.count(old) == 1
    path.write_text(text.replace(old, new) if old else f"{text}# edited\n", encoding="utf-8")


def tell(project: Project, what: str) -> None:
    """Have the kit say something at the end of each stage."""
    edit(project, "src/kit/base/stage.py", "{name}: {done}, ", f"{{name}}: {{done}}, {what}, ")


def test_an_edit_of_a_part_makes_stale_just_the_stages_that_stand_on_it(project: Project) -> None:
    for name, stages in EDITS.items():
        before = project.read(name)
        edit(project, name)
        assert stale(project) == stages, name
        (project.path / name).write_bytes(before)
    assert stale(project) == set()


def test_after_an_edit_of_the_contract_its_own_stage_runs_and_no_other(project: Project) -> None:
    edit(project, "src/kit/params.py")
    said = project.run("dvc", "repro")
    assert "Running stage 'params'" in said
    assert said.count("Running stage") == 1
    assert run_by(project) == []


def test_what_python_and_editors_leave_beside_the_kit_is_no_dependency(project: Project) -> None:
    for name in LEFT:
        path = project.path / "src/kit/learn" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"left")
    (project.path / "src/kit/learn/.#fitting.py").symlink_to("somebody@nowhere")  # Emacs' lock
    assert run_by(project) == []
    new = project.path / "src/kit/learn/new.py"
    new.write_text("", encoding="utf-8")
    assert stale(project) == {"train", *AFTER}


def test_a_fresh_clone_that_has_imported_the_kit_has_nothing_to_run(
    project: Project, tmp_path: Path
) -> None:
    project.run("git", "clone", "--quiet", ".", str(tmp_path / "clone"))
    clone = Project(tmp_path / "clone", project.env)
    shared = f"[cache]\n    dir = {project.path}/.dvc/cache\n"
    (clone.path / ".dvc/config.local").write_text(shared, encoding="utf-8")
    clone.run("dvc", "checkout")
    code = "import kit.base, kit.learn, kit.params, kit.report, kit.serve.rows"
    clone.run(sys.executable, "-c", code, PYTHONPATH="src", PYTHONDONTWRITEBYTECODE="")
    assert list((clone.path / "src/kit/learn/__pycache__").glob("*.pyc"))
    assert run_by(clone) == []


def test_a_commit_runs_its_own_kit(project: Project) -> None:
    tell(project, "edited")
    assert "contract, edited, " in project.run("python", "src/params.py")
    project.commit("Edit the kit")
    project.run("git", "checkout", "--quiet", "HEAD~1")
    said = project.run("python", "src/params.py")
    assert "contract, " in said
    assert "edited" not in said
    project.run("git", "checkout", "--quiet", "main")
    assert "contract, edited, " in project.run("python", "src/params.py")


def test_a_worktree_and_a_temporary_copy_import_their_own_kit(
    project: Project, tmp_path: Path
) -> None:
    project = Project(project.path.rename(tmp_path / "plain"), project.env)  # DVC wants ASCII here
    tell(project, "kit of {__file__}")
    project.commit("Say whose kit it is")
    project.run("git", "worktree", "add", "--quiet", str(tmp_path / "tree"))
    tree = Project(tmp_path / "tree", project.env)
    for place in (project, tree):
        own = place.path / "src/kit/base/stage.py"
        assert f"kit of {own}, " in place.run("python", str(place.path / "src/params.py"))
    said = project.run("dvc", "exp", "run", "--temp", "--single-item", "params")
    (line,) = (line for line in said.splitlines() if "kit of " in line)
    assert f"kit of {project.path / '.dvc/tmp/exps'}" in line
