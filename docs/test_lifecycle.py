"""The life of a model, from its release to that of the one that takes its place."""

import http.client
import json
import re
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from github import serve
from project import ROOT, Project, copy_tracked, free_port, sandbox
from small import SMALL

pytestmark = [pytest.mark.slow, pytest.mark.thorough]
GUARD = """
import socket
def cut(*arguments, **options):
    raise SystemExit("asked the network")
socket.getaddrinfo = cut
socket.socket.connect = socket.socket.connect_ex = cut
"""


def release(project: Project, version: str) -> None:
    """Release the last commit, publish its tags, and write its signed bundle."""
    why = ("--force", "on three months a linear model is as good")
    said = project.run("strata", "release", "--bump", "major", *why)
    assert f"released delays@{version}, and it is prod now" in said, said
    project.run("git", "push", "--quiet", "--no-verify", "--tags", "origin")
    key = ("--key", "../private.pem")
    said = project.run("strata", "bundle", f"delays@{version}", "-o", f"../{version}", *key)
    assert "model.onnx" in said


def scored(project: Project, version: str, out: Path) -> pd.DataFrame:
    """What a release says of the newest month."""
    rows = "data/prepared/2013-04.parquet"
    project.run("strata", "predict", rows, "--rev", f"delays@{version}", "-o", str(out))
    return pd.read_parquet(out)


def answers(port: int) -> bool:
    """Whether the service is ready."""
    with closing(http.client.HTTPConnection("127.0.0.1", port)) as connection:
        try:
            connection.request("GET", "/ready")
        except ConnectionRefusedError:
            return False
        return connection.getresponse().read() == b'{"ready":true}'


def served(project: Project, rows: pd.DataFrame, folder: Path, log: Path) -> Any:
    """What the service of a bundle's ONNX answers to rows, and logs."""
    port = free_port()
    env = {"SERVE_MODEL": str(folder), "SERVE_ADDRESS": f"127.0.0.1:{port}", "PYTHONPATH": "src"}
    env |= {"SERVE_LOG": str(log)}
    with subprocess.Popen(
        [sys.executable, "-m", "service"], cwd=project.path, env=project.env | env
    ) as process:
        try:
            while not answers(port):
                assert process.poll() is None
                time.sleep(0.1)
            with closing(http.client.HTTPConnection("127.0.0.1", port)) as connection:
                body = rows.to_json(orient="records", date_format="iso")
                connection.request("POST", "/predict", body, {"Content-Type": "application/json"})
                return json.loads(connection.getresponse().read())
        finally:
            process.terminate()


def test_the_story_of_two_releases(tmp_path: Path) -> None:
    project = Project(tmp_path / "project", sandbox(tmp_path / "home"))
    copy_tracked(ROOT, project.path)
    settings = project.path / "dvc.yaml"
    settings.write_text(settings.read_text().replace("  flight-disruption:", "  delays:"))
    run = project.run
    run("git", "init", "--quiet")
    run("dvc", "remote", "add", "--default", "--force", "storage", str(tmp_path / "store"))
    run("openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "../private.pem")
    run("openssl", "ec", "-in", "../private.pem", "-pubout", "-out", "../public.pem")
    with serve(tmp_path) as github:
        project = Project(project.path, project.env | github.env)
        run = project.run

        # The first release, of a model that knows little.
        project.set(**SMALL | {"train.hist_gradient_boosting.max_iter": 3})
        run("strata", "repro")
        project.commit("A first model")
        run("git", "clone", "--quiet", "--bare", ".", str(github.repository))
        run("git", "remote", "add", "origin", str(github.repository))
        run("git", "fetch", "--quiet", "origin")
        run("dvc", "push", "--quiet")
        release(project, "v1.0.0")

        # Somebody makes a better one, and a month arrives.
        project.set(**{"train.hist_gradient_boosting.max_iter": 60})
        run("strata", "repro")
        project.commit("More trees")
        run("dvc", "push", "--quiet")
        run("git", "push", "--quiet", "--no-verify", "origin", "main")
        run("strata", "retrain", "-o", "../retrain")
        assert (project.path / "data/prepared/2013-04.parquet").is_file()
        run("git", "switch", "--quiet", "--detach", "origin/main")
        publish = [sys.executable, str(ROOT / ".github/retrain.py"), "../retrain"]
        env = {"GITHUB_RUN_ID": "5", "GITHUB_REF_NAME": "main", "TOKEN": github.env["GITHUB_TOKEN"]}
        Project(project.path, project.env | env).run(*publish)
        (number,) = github.opened
        pull = github.pull(number)
        assert pull["title"] == "Retrain on new data, ingest.through 2013-04: better"
        body = github.opened[number]["body"]
        assert "## Monitor: " in body  # a month alone tells little
        assert "## Strata: " in body

        # It is merged, and takes the place of the first.
        status, _ = github.merge(number, pull["head"]["sha"])
        assert status == 200
        run("git", "switch", "--quiet", "main")
        run("git", "pull", "--quiet", "--ff-only", "origin", "main")
        run("dvc", "checkout", "--force")
        run("dvc", "push", "--quiet")
        release(project, "v2.0.0")
        lines = run("strata", "models").splitlines()
        assert lines[1].split()[1:3] == ["v2.0.0", "prod"]
        assert "v1.0.0" in lines[2]

        # On a bad day the first is taken back, and then the second again.
        run("strata", "release", "--rollback", "--force", "is wrong on Mondays")
        run("git", "push", "--quiet", "--no-verify", "--tags", "origin")
        month = "data/prepared/2013-04.parquet"
        said = run(
            "strata", "predict", month, "--stage", "prod", "-o", str(tmp_path / "bad_day.parquet")
        )
        assert "predictions of delays@v1.0.0" in said
        assert "Monitor: `delays@v1.0.0`" in run("sh", "-c", "strata monitor || test $? -eq 3")
        run("strata", "release", "--promote", "v2.0.0", "--force", "Monday is past")

    # Each says what it said on its day, and the service what the second one says.
    held_out = pd.read_parquet(project.path / "metrics/predictions.parquet")
    known = held_out[held_out["split"] == "test"]["probability"].tolist()
    second = scored(project, "v2.0.0", tmp_path / "second.parquet")
    assert second["probability"].tolist() == known
    first = scored(project, "v1.0.0", tmp_path / "first.parquet")
    assert first.equals(pd.read_parquet(tmp_path / "bad_day.parquet"))
    assert first["probability"].tolist() != known
    rows = pd.read_parquet(project.path / "data/prepared/2013-04.parquet")[::50]
    asked = rows.drop(columns="disrupted")
    answer = served(project, asked, tmp_path / "v2.0.0", tmp_path / "log")
    assert [each["probability"] for each in answer["predictions"]] == known[::50]

    # With the labels that come later, what was asked tells how good the first was.
    names = [f"{answer['request']}-{at + 1}" for at in range(len(rows))]
    labels = pd.DataFrame({"row": names, "disrupted": rows["disrupted"].to_numpy()})
    labels.to_parquet(tmp_path / "labels.parquet")
    page = (ROOT / "docs/serving.md").read_text(encoding="utf-8")
    (joined,) = re.findall(r"^```py\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    before = "import os, pandas as pd\nlabels = pd.read_parquet('labels.parquet')\n"
    Project(tmp_path, project.env).run(sys.executable, "-c", before + joined)
    monitor = "strata monitor --champion delays@v1.0.0 --on ../labelled || test $? -eq 4"
    said = run("sh", "-c", monitor)
    assert f"| 2013-04 | {len(rows)} | 0.0% |" in said
    assert "may have learned" not in said

    # All else may go; the first is still there, byte for byte, and both prove what they are.
    run("git", "switch", "--quiet", "--detach")
    run("git", "branch", "--quiet", "-D", "main")
    run("strata", "gc", "--yes")
    again = scored(project, "v1.0.0", tmp_path / "again.parquet")
    assert (tmp_path / "again.parquet").read_bytes() == (tmp_path / "first.parquet").read_bytes()
    assert again.equals(first)
    (tmp_path / "guard").mkdir()
    (tmp_path / "guard/sitecustomize.py").write_text(GUARD)
    cut = Project(project.path, project.env | {"PYTHONPATH": str(tmp_path / "guard")})
    for version in ("v1.0.0", "v2.0.0"):
        said = cut.run("strata", "verify-release", f"../{version}", "--public-key", "../public.pem")
        assert "their signature and the tag agree" in said
    (tmp_path / "v1.0.0/model.joblib").write_bytes(b"another")
    said = cut.run(
        "sh", "-c", "strata verify-release ../v1.0.0 --public-key ../public.pem; echo code $?"
    )
    assert "refused: model.joblib" in said
    assert said.endswith("code 1\n")
    run("strata", "restore", "delays@v1.0.0")
    assert (project.path / "models/model.joblib").is_file()
