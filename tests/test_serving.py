"""The service as it runs: a process that answers over HTTP, on the demo's flights."""

import itertools
import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil
import pytest
from conftest import Project

pytestmark = pytest.mark.slow

LIMITS = {
    "SERVE_MAX_BYTES": "200000", "SERVE_MAX_ROWS": "300", "SERVE_MAX_REQUESTS": "20",
    "SERVE_BODY_SECONDS": "1", "SERVE_VERSION": "v1", "OMP_NUM_THREADS": "1",
}  # fmt: skip


@dataclass(frozen=True)
class Served:
    """A service that answers on a port."""

    port: int
    process: subprocess.Popen[str]

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """The status and the content of an answer, from JSON if it is that."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            given = {"Content-Type": "application/json"} | headers
            connection.request(method, path, body, given)
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        if answer.headers.get_content_type() == "application/json":
            return answer.status, json.loads(content)
        return answer.status, content.decode()

    def predict(self, rows: Any) -> tuple[int, Any]:
        return self.ask("POST", "/predict", json.dumps(rows).encode())

    def raw(self, sent: bytes) -> bytes:
        """What comes back for bytes, until the other side closes."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=30) as plug:
            plug.sendall(sent)
            found = b""
            with suppress(ConnectionError):
                while part := plug.recv(65536):
                    found += part
            return found


def free_port() -> int:
    with socket.socket() as plug:
        plug.bind(("127.0.0.1", 0))
        return int(plug.getsockname()[1])


@contextmanager
def serving(project: Project, **env: str) -> Iterator[Served]:
    """Run the service of a project that has exported its model to ``serving``."""
    port = free_port()
    known = project.env | {"PYTHONPATH": "src", "SERVE_ADDRESS": f"127.0.0.1:{port}"} | env
    command = [sys.executable, "-m", "service"]
    with subprocess.Popen(
        command, cwd=project.path, env=known, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            served = Served(port, process)
            assert process.stderr
            for line in process.stderr:  # until it says where it runs
                if "running on" in line:
                    break
            else:
                pytest.fail("the service ended")
            yield served
        finally:
            process.kill()


@pytest.fixture(scope="module")
def exported(reproduced: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The demo on three months, with its model exported."""
    folder = tmp_path_factory.mktemp("serving")
    reproduced.run("python", "src/export.py", str(folder))
    env = reproduced.env | LIMITS | {"SERVE_MODEL": str(folder)}
    return Project(reproduced.path, env)


@pytest.fixture(scope="module")
def served(exported: Project, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(exported, SERVE_LOG=str(tmp_path_factory.mktemp("log"))) as found:
        yield found


@pytest.fixture(scope="module")
def rows(exported: Project) -> list[dict[str, Any]]:
    """Flights of the test split, as a client has them."""
    flights = pd.read_parquet(exported.path / "data/prepared/2013-03.parquet").head(300)
    return sendable(flights)


def sendable(flights: pd.DataFrame) -> list[dict[str, Any]]:
    flights = flights.drop(columns="disrupted").assign(date=flights["date"].astype(str))
    found: list[dict[str, Any]] = json.loads(flights.to_json(orient="records"))
    return found


def test_predictions_are_those_of_evaluate(
    served: Served, exported: Project, rows: list[dict[str, Any]]
) -> None:
    known = pd.read_parquet(exported.path / "metrics/predictions.parquet")
    known = known[known["partition"] == "2013-03"].head(300)
    status, answer = served.predict(rows)
    assert status == 200
    assert answer["model"] == "v1"
    found = [each["probability"] for each in answer["predictions"]]
    np.testing.assert_array_equal(found, known["probability"])
    assert served.predict(rows[0])[1]["predictions"] == answer["predictions"][:1]


def test_a_row_has_the_same_prediction_in_any_mix_of_requests(
    served: Served, rows: list[dict[str, Any]]
) -> None:
    expected = served.predict(rows)[1]["predictions"]
    sizes = np.random.default_rng(0).integers(1, 12, 60)
    ends = np.minimum(np.cumsum(sizes), len(rows)).tolist()
    spans = [(a, b) for a, b in itertools.pairwise([0, *ends]) if a < b]
    bad = {"humid": 200}

    def ask(span: tuple[int, int] | None) -> Any:
        return served.predict(rows[slice(*span)] if span else [rows[0], rows[1] | bad])

    mix = [part for span in spans for part in (span, None)]
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(ask, mix))
    for span, (status, answer) in zip(mix, answers, strict=True):
        if span is None:
            assert (status, answer["faults"][0]["row"]) == (422, 2)
        else:
            assert answer["predictions"] == expected[slice(*span)]


def test_the_page_has_an_example_that_works(served: Served) -> None:
    status, page = served.ask("GET", "/openapi.json")
    assert status == 200
    content = page["paths"]["/predict"]["post"]["requestBody"]["content"]["application/json"]
    assert served.predict(content["example"])[0] == 200
    fields = content["schema"]["oneOf"][0]["properties"]
    assert fields["humid"]["anyOf"][0] == {"type": "number", "minimum": 0, "maximum": 100}
    assert fields["sched_dep_time"]["description"] == "a time of day as HHMM, 0000 to 2400"


def test_it_tells_which_model_it_is_and_how_it_is(served: Served, exported: Project) -> None:
    status, model = served.ask("GET", "/model")
    assert status == 200
    assert model["version"] == "v1"
    assert model["model"]["md5"] in exported.read("dvc.lock").decode()
    assert "Model card" in model["card"]
    assert served.ask("GET", "/health") == (200, {"alive": True})
    assert served.ask("GET", "/ready") == (200, {"ready": True})
    served.predict({"humid": 200})
    text = served.ask("GET", "/metrics")[1]
    for line in (
        'predict_requests_total{status="422"}',
        'predict_refusals_total{field="humid"}',
        'predict_values_bucket{column="probability"',
        "predict_seconds_bucket",
        "predict_running 0.0",
    ):
        assert line in text


HOSTILE: dict[str, tuple[bytes, int, str]] = {  # what is sent, the status, and what the answer says
    "no JSON": (b"{", 400, "not JSON"),
    "nothing": (b"", 400, "not JSON"),
    "deep": (b"[" * 100_000, 400, "recursion limit"),
    "no text": (b"\xff\xfe", 400, "not JSON"),
    "no rows": (b"[]", 422, "at least 1 item"),
    "other": (b"null", 422, "the body"),
    "digits": (b'{"flight": ' + b"9" * 10_000 + b"}", 400, "number out of range"),
    "large": (b"[" + b" " * 200_000 + b"]", 413, "larger than 200,000 bytes"),
}
WRONG: dict[str, list[Any]] = {
    "humid": [float("nan"), float("inf"), -1, 101, "50", True, [1], 10**400],
    "sched_dep_time": [1275, 2401, 6.5, "600", None, 10**30],
    "origin": ["", "LONG", None, 1, "\uffff"],
    "date": ["2013-02-30", "soon", 10**20, None],
    "flight": [2**63, 1.5, {}],
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_body_is_refused_and_the_next_request_served(
    served: Served, rows: list[dict[str, Any]], case: str
) -> None:
    sent, status, said = HOSTILE[case]
    found, answer = served.ask("POST", "/predict", sent)
    assert found == status
    assert said in answer["error"]
    assert served.predict(rows[0])[0] == 200


def test_a_wrong_value_names_its_field(served: Served, rows: list[dict[str, Any]]) -> None:
    for name, values in WRONG.items():
        for value in values:
            status, answer = served.predict([rows[0], rows[1] | {name: value}])
            assert status == 422, (name, value)
            assert answer["faults"][0]["field"] == name
            assert answer["faults"][0]["row"] == 2
    for date in ("0001-01-01", "9999-12-31"):  # which have no year before, or after
        status, answer = served.predict([rows[0], rows[1] | {"date": date}])
        assert status in (200, 422)
        assert status == 200 or answer["error"].startswith("row 2: ")
    assert served.predict([rows[0]] * 301)[0] == 422
    assert served.predict(rows[0])[0] == 200


def test_other_types_methods_and_paths_are_refused(served: Served) -> None:
    assert served.ask("POST", "/predict", b"a=1", **{"Content-Type": "text/plain"})[0] == 415
    assert served.ask("GET", "/predict")[0] == 405
    assert served.ask("GET", "/nowhere")[0] == 404


HEAD = b"POST /predict HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"


def test_a_body_is_counted_as_it_comes_and_has_to_come_in_time(
    served: Served, rows: list[dict[str, Any]]
) -> None:
    chunk = b"4000\r\n" + b" " * 0x4000 + b"\r\n"
    found = served.raw(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunk * 20)
    assert found.startswith(b"HTTP/1.1 413")
    start = time.monotonic()
    assert served.raw(HEAD + b"Content-Length: 10\r\n\r\n{").startswith(b"HTTP/1.1 408")
    assert time.monotonic() - start < 10
    assert served.raw(HEAD + b"Content-Length: x\r\n\r\n").startswith(b"HTTP/1.1 400")
    with socket.create_connection(("127.0.0.1", served.port)) as plug:
        plug.sendall(HEAD + b"Content-Length: 10\r\n\r\n{")  # and goes away
    assert served.predict(rows[0])[0] == 200


def test_more_requests_than_it_takes_are_sent_away(
    served: Served, rows: list[dict[str, Any]]
) -> None:
    plugs = [socket.create_connection(("127.0.0.1", served.port)) for _ in range(20)]
    for plug in plugs:
        plug.sendall(HEAD + b"Content-Length: 10\r\n\r\n{")
    statuses = [served.predict(rows[0])[0]]
    while statuses[-1] != 200:  # they are let go after a second
        statuses.append(served.predict(rows[0])[0])
    for plug in plugs:
        plug.close()
    assert set(statuses) <= {200, 503}
    assert 503 in statuses


def test_what_runs_is_finished_when_it_is_told_to_end_and_the_log_is_written(
    exported: Project, rows: list[dict[str, Any]], tmp_path: Path
) -> None:
    with (
        serving(exported, SERVE_LOG=str(tmp_path), SERVE_BODY_SECONDS="20") as served,
        ThreadPoolExecutor() as pool,
    ):
        body = json.dumps(rows[0]).encode()
        head = HEAD + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(body)
        plug = socket.create_connection(("127.0.0.1", served.port), timeout=30)
        plug.sendall(head + body[:10])
        while not json.dumps(served.ask("GET", "/metrics")[1]).count("predict_running 1.0"):
            pass
        waiting = pool.submit(plug.recv, 65536)
        served.process.send_signal(signal.SIGTERM)
        plug.sendall(body[10:])
        assert waiting.result().startswith(b"HTTP/1.1 200")
        plug.close()
        assert served.process.wait(30) in (0, -signal.SIGTERM)
    (path,) = tmp_path.rglob("*.*")
    kept = pd.read_parquet(path)
    assert kept["origin"].tolist() == [rows[0]["origin"]]
    assert kept["model"].tolist() == ["v1"]
    assert 0 < kept["probability"][0] < 1


def is_ready(served: Served) -> bool:
    with suppress(ConnectionError):
        return served.ask("GET", "/ready")[0] == 200
    return False


def test_several_processes_answer_on_one_port_and_add_up_their_figures(
    exported: Project, rows: list[dict[str, Any]], tmp_path: Path
) -> None:
    with serving(exported, SERVE_WORKERS="2", SERVE_LOG=str(tmp_path)) as served:
        while not is_ready(served):
            assert served.process.poll() is None
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(served.predict, rows[:200]))
        assert {status for status, _ in answers} == {200}
        workers = psutil.Process(served.process.pid).children(recursive=True)
        busy = [worker for worker in workers if "spawn_main" in "".join(worker.cmdline())]
        assert len(busy) == 2
        metrics = served.ask("GET", "/metrics")[1]
        assert 'predict_requests_total{status="200"} 200.0' in metrics
        assert "predict_running 0.0" in metrics
        served.process.send_signal(signal.SIGTERM)
        assert served.process.wait(30) in (0, -signal.SIGTERM)
        _, alive = psutil.wait_procs(busy, 30)
        assert not alive
    kept = pd.concat(pd.read_parquet(path) for path in tmp_path.rglob("*.parquet"))
    assert len(kept) == 200
    said = exported.run("python", "-m", "service", fails=True, **{
        "PYTHONPATH": "src", "SERVE_WORKERS": "2", "SERVE_MODEL": "nowhere"})  # fmt: skip
    assert "`make serve` writes it" in said


def test_it_does_not_start_with_another_graph_than_its_manifest_names(
    exported: Project, tmp_path: Path
) -> None:
    folder = Path(exported.env["SERVE_MODEL"])
    for name in ("model.onnx", "model.json"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    with (tmp_path / "model.onnx").open("ab") as file:
        file.write(b"\0")
    env = {"SERVE_MODEL": str(tmp_path), "PYTHONPATH": "src"}
    said = exported.run("python", "-m", "service", fails=True, **env)
    assert "its SHA-256 is " in said
    assert "Traceback" not in said
    (tmp_path / "model.onnx").unlink()
    assert "`make serve` writes it" in exported.run("python", "-m", "service", fails=True, **env)


def test_no_scikit_learn_and_no_pickle_of_a_model_is_imported(exported: Project) -> None:
    code = (
        "import sys, service.app, service.settings\n"
        "service.app.create(service.settings.load())\n"
        "print([name for name in ('sklearn', 'joblib', 'onnx', 'scipy') if name in sys.modules])"
    )
    assert exported.run("python", "-c", code, PYTHONPATH="src").strip() == "[]"
