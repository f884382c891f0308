"""The parts of DVC, joblib and Optuna that the tools use and that no one documents.

An upgrade that changes one fails here, and says which. Everything else of them is documented.
"""

import hashlib
import inspect
import json
import os
from pathlib import Path
from typing import Any

import pytest
import zoo
from dvc.repo import Repo
from hypothesis import given
from hypothesis import strategies as st
from project import Project, state

from strata.dvc import gto_tags
from strata.dvc.revision import in_order
from strata.dvc.store import at_commit, dvc_repo


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return zoo.create(tmp_path_factory.mktemp("contract") / "p", dict(os.environ), zoo.imported())


@pytest.fixture(autouse=True)
def _in_the_repository(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """DVC names stages and files from the current folder."""
    monkeypatch.chdir(project.path)


def named(repo: Any, name: str) -> Any:
    return next(stage for stage in repo.index.stages if name in stage.addressing)


def test_a_commit_is_read_from_git_and_nothing_is_written(project: Project) -> None:
    before = state(project), sorted(project.path.glob(".dvc/*"))
    repo = at_commit(project.path, project.run("git", "rev-parse", "v1").strip())
    assert repo.root_dir == "/"
    out = named(repo, "train").outs[0]
    assert repo.fs.relpath(out.fs_path, repo.root_dir) == "model.txt"
    assert (out.hash_info.name, out.hash_info.value) == ("md5", hashlib.md5(b"0.5\n").hexdigest())
    assert (state(project), sorted(project.path.glob(".dvc/*"))) == before


def test_stages_and_outputs_have_what_is_read_of_them(project: Project) -> None:
    import networkx as nx

    with dvc_repo(project.path) as repo:
        assert in_order(repo.index) == list(nx.dfs_postorder_nodes(repo.index.graph))
        train, theirs = named(repo, "train"), named(repo, "theirs")
        assert (bool(train.cmd), train.frozen, train.is_import) == (True, False, False)
        assert (bool(theirs.cmd), theirs.frozen, theirs.is_import) == (False, True, True)
        assert theirs.dvcfile.load()["deps"][0]["repo"]["url"] == "../source"
        out = train.outs[0]
        assert (out.is_in_repo, out.use_cache, out.remote, out.metric) == (True, True, None, False)
        assert named(repo, "evaluate").outs[0].metric
        (params,) = (dep for dep in train.deps if type(dep).__name__ == "ParamsDependency")
        assert params.hash_info.value == {"lr": 0.75}


def test_the_index_has_what_stands_at_the_top_of_a_dvc_yaml(tmp_path: Path) -> None:
    (tmp_path / "dvc.yaml").write_text(
        "metrics: [m.json]\nparams: [p.yaml]\nplots: [{P: {x: a}}]\n"
        "artifacts: {tiny: {path: m.bin, type: model}}\n"
    )
    with Repo.init(str(tmp_path), no_scm=True) as repo:
        path = str(tmp_path / "dvc.yaml")
        assert repo.index._metrics == {path: ["m.json"]}
        assert repo.index._params == {path: ["p.yaml"]}
        assert repo.index._plots == {path: [{"P": {"x": "a"}}]}
        assert repo.index._artifacts[path]["tiny"]["type"] == "model"


def test_a_broken_file_goes_to_the_handler_and_the_rest_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dvc.yaml").write_text("stages: [\n")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/dvc.yaml").write_text("stages: {a: {cmd: echo}}\n")
    seen: list[str] = []
    with Repo.init(str(tmp_path), no_scm=True) as repo:
        repo.stage_collection_error_handler = lambda path, error: seen.append(error.path)
        assert [stage.name for stage in repo.index.stages] == ["a"]
    assert seen == ["dvc.yaml"] or seen == [str(tmp_path / "dvc.yaml")]


def test_the_cache_is_laid_out_as_it_is_read(project: Project) -> None:
    with dvc_repo(project.path) as repo:
        oid = hashlib.md5(b"0.75\n").hexdigest()
        path = Path(repo.cache.local.oid_to_path(oid))
        assert path == project.path / ".dvc/cache/files/md5" / oid[:2] / oid[2:]
        assert (
            Path(repo.cache.legacy.oid_to_path(oid))
            == project.path / ".dvc/cache" / oid[:2] / oid[2:]
        )
        assert oid in set(repo.cache.local.all())
        assert Path(repo.cache.local_cache_dir) == project.path / ".dvc/cache"
        used = repo.used_objs(revs=["v1"])
        values = {found.value for objects in used.values() for found in objects}
        assert hashlib.md5(b"0.5\n").hexdigest() in values


def test_objects_are_pushed_pulled_and_checked_by_hash_alone(
    project: Project, tmp_path: Path
) -> None:
    from dvc_data.hashfile.hash_info import HashInfo

    copy = project.copy(tmp_path / "p")
    copy.run("dvc", "remote", "add", "--default", "here", str(tmp_path / "store"))
    (tmp_path / "store").mkdir()
    oid = hashlib.md5(b"0.75\n").hexdigest()
    with dvc_repo(copy.path) as repo:
        odb = repo.cloud.get_remote_odb("here")
        assert not odb.exists(oid)
        repo.cloud.push({HashInfo("md5", oid)}, remote="here")
        assert odb.exists(oid)
        assert list(odb.list_oids_exists({oid, "0" * 32})) == [oid]
        remote = repo.cloud.get_remote("here")
        assert (remote.fs.protocol, remote.path) == ("local", str(tmp_path / "store"))
        path = Path(repo.cache.local.oid_to_path(oid))
        path.unlink()
        (tmp_path / "store/files/md5" / oid[:2] / oid[2:]).chmod(0o644)
        (tmp_path / "store/files/md5" / oid[:2] / oid[2:]).write_bytes(b"damaged")
        odb.verify = True
        repo.cloud.pull({HashInfo("md5", oid)}, odb=odb)
        assert not path.exists()
        assert odb.delete(oid) is None


def test_the_status_of_stages_and_outputs_has_its_shape(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = project.copy(tmp_path / "p")
    monkeypatch.chdir(copy.path)
    (copy.path / "params.yaml").write_text("lr: 1\n")
    (copy.path / "model.txt").write_text("mine")
    with dvc_repo(copy.path) as repo:
        with repo.lock:
            (reasons,) = named(repo, "train").status(check_updates=True).values()
        assert {"changed deps": {"params.yaml": {"lr": "modified"}}} in reasons
        assert {"changed outs": {"model.txt": "modified"}} in reasons
        (model,) = (out for out in repo.index.outs if out.fs_path.endswith("model.txt"))
        assert model.workspace_status() == {"model.txt": "modified"}


def test_an_experiment_is_made_of_parts_that_can_be_had(project: Project, tmp_path: Path) -> None:
    """That they come to what ``dvc exp run`` makes is in test_zoo.py."""
    from dvc.repo.experiments.executor.base import BaseExecutor
    from dvc.stage.utils import _get_stage_files
    from dvc.utils.cli_parse import to_path_overrides

    copy = project.copy(tmp_path / "p")
    seen = []
    with dvc_repo(copy.path) as repo, pytest.MonkeyPatch.context() as patch:
        patch.chdir(copy.path)
        repo.experiments.workspace_queue._update_params(to_path_overrides(["lr=2"]))
        assert copy.read("params.yaml") == b"lr: 2\n"
        lock = copy.read("dvc.lock")
        repo.reproduce(repro_fn=lambda stage, **how: seen.append(stage.reproduce(**how)))
        assert copy.read("dvc.lock") == lock, "written before it was asked for"
        made = [stage for stage in seen if stage]
        made[0].dvcfile.dump_stages(made, update_pipeline=False)
        assert copy.read("dvc.lock") != lock
        assert "metrics.json" in _get_stage_files(named(repo, "evaluate"))
        assert list(BaseExecutor._get_top_level_paths(repo)) == []


def test_a_folders_listing_is_json_sorted_by_path(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    for name in "ba":
        (tmp_path / "d" / name).write_text(name)
    with Repo.init(str(tmp_path), no_scm=True) as repo:
        (stage,) = repo.add(str(tmp_path / "d"))
        oid = stage.outs[0].hash_info.value
        text = Path(repo.cache.local.oid_to_path(oid)).read_bytes()
    assert [entry["relpath"] for entry in json.loads(text)] == ["a", "b"]
    assert hashlib.md5(text).hexdigest() + ".dir" == oid


def test_parsers_by_the_end_of_a_files_name() -> None:
    from dvc.utils.serialize import PARSERS

    assert PARSERS[".yaml"]("lr: 1e-6\nyes: on\n", "p.yaml") == {"lr": 1e-6, "yes": "on"}
    assert PARSERS[".py"]("class Fit:\n    seed = 1\n", "p.py") == {"Fit": {"seed": 1}}


def test_joblibs_dask_backend_asks_for_its_number_of_workers() -> None:
    pytest.importorskip("distributed")
    from joblib._dask import DaskDistributedBackend

    assert list(inspect.signature(DaskDistributedBackend.effective_n_jobs).parameters) == [
        "self",
        "n_jobs",
    ]


def test_optunas_journal_is_a_file_that_can_be_opened_again(tmp_path: Path) -> None:
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    for number in (1, 2):
        storage = JournalStorage(JournalFileBackend(str(tmp_path / "journal.log")))
        study = optuna.create_study(storage=storage, study_name="s", load_if_exists=True)
        study.enqueue_trial({"x": number})
        study.optimize(lambda trial: trial.suggest_float("x", 0, 9), n_trials=1)
    assert [trial.value for trial in study.trials] == [1, 2]


ALPHABET = "aZ09-_/.=@#!v+:"  # what decides in a tag's name
WORDS = [
    "tiny",
    "a/b=tiny",
    "@v1.0.0",
    "@v0.1.2-rc.1+b.7",
    "#prod",
    "#prod#1",
    "#2",
    "!",
    "@deprecated",
]


@given(tag=st.one_of(st.text(ALPHABET, max_size=12), st.lists(st.sampled_from(WORDS)).map("".join)))
def test_a_tag_says_what_gto_reads_of_it(tag: str) -> None:
    from gto.constants import Action, fullname_re, name_re
    from gto.tag import parse_name

    theirs, ours = parse_name(tag, raise_on_fail=False), gto_tags.parse(tag)
    assert bool(theirs) == bool(ours)
    if ours:
        assert ours.model == theirs["name"]
        assert (ours.version, ours.stage) == (theirs.get("version"), theirs.get("stage"))
        assert ours.counter == theirs.get("counter", 0)
        action = theirs.get("action")
        assert ours.back == (action in (Action.DEREGISTER, Action.UNASSIGN))
        assert ours.is_deprecated == (action == Action.DEPRECATE)
        if not ours.version and not ours.stage:
            assert ours.is_deprecated or action is None
    assert gto_tags.is_model(tag) == bool(fullname_re.search(tag))
    assert gto_tags.is_stage(tag) == bool(name_re.search(tag))


@given(st.lists(st.from_regex(gto_tags.VERSION, fullmatch=True), min_size=1, max_size=4))
def test_versions_are_sorted_and_follow_each_other_as_gtos_do(versions: list[str]) -> None:
    from gto.versions import SemVer

    theirs = max(map(SemVer, versions))
    for how in ("major", "minor", "patch"):
        assert gto_tags.bumped(versions, how) == theirs.bump(**{f"bump_{how}": True}).version
