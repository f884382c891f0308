"""One row per request over HTTP: on one connection, and on 50 at once for 20 seconds.

`make serve`, which computes the model as ONNX, and at once what comes at the same time, beside the
same service with each request by itself, and with scikit-learn's `predict_proba`; and beside
MLflow's scoring server and LitServe (batches of what comes in 5 ms) with a model that makes the
features and calls scikit-learn. Time is the median of answers on one connection, and the time per
answer on 50; CPU is the server's. Last comes a request of 100 rows beside one of a row. First the
service predicts 100,000 rows, which must equal scikit-learn's to nine places; no request may fail,
and from 5 seconds on memory must stay within 5%.
"""

import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import joblib
import pandas as pd
import psutil

from benchmarks.environment import QUIET, program
from benchmarks.measure import HOME, ONE_THREAD, Cost, Row, Section, clone, middle, run

ROUNDS, ASKED = 3, 200
CONNECTIONS, SECONDS = 50, 20
ROWS, AT_ONCE = 100_000, 1000
ONE, MANY = "1,000 rows, one by one", f"1,000 rows, on {CONNECTIONS} connections"
LONG = 100  # rows of a long request
PEERS = HOME / "benchmarks/peers"


@dataclass(frozen=True)
class Server:
    """A server that runs, and how it is asked."""

    process: psutil.Popen
    port: int
    path: str
    records: str | None  # the key that rows stand below, if there is one

    def body(self, rows: list[dict[str, Any]]) -> bytes:
        return json.dumps({self.records: rows} if self.records else rows).encode()

    def connect(self) -> HTTPConnection:
        return HTTPConnection("127.0.0.1", self.port, timeout=60)

    def ask(self, connection: HTTPConnection, body: bytes) -> list[Any]:
        """The predictions. Ends the run if there are none."""
        connection.request("POST", self.path, body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        content = answer.read()
        if answer.status != 200:
            raise SystemExit(f"{self.path} answered {answer.status}: {content!r}")
        return list(json.loads(content)["predictions"])

    def cpu(self) -> float:
        times = self.process.cpu_times()
        return float(times.user + times.system)

    def memory(self) -> float:
        return float(self.process.memory_full_info().pss / 1e6)


@contextmanager
def serving(
    project: Path, *command: str | Path, records: str | None = None, path: str = "/predict"
) -> Iterator[Server]:
    """Run a server, until it answers; PORT in the command is its port."""
    with socket.socket() as plug:
        plug.bind(("127.0.0.1", 0))
        port = plug.getsockname()[1]
    env = os.environ | QUIET | ONE_THREAD
    env |= {
        "PYTHONPATH": f"{project / 'src'}{os.pathsep}{project}",
        "SERVE_ADDRESS": f"127.0.0.1:{port}",
        "SERVE_MAX_BYTES": "10000000",
        "SERVE_HEADER_SECONDS": "600",  # a connection waits while scikit-learn predicts
    }
    words = [str(port) if word == "PORT" else str(word) for word in command]
    process = psutil.Popen(words, cwd=project, env=env, stderr=subprocess.DEVNULL)
    try:
        while True:
            with socket.socket() as plug:
                if not plug.connect_ex(("127.0.0.1", port)):
                    break
            if process.poll() is not None:
                raise SystemExit(f"{words} ended")
            time.sleep(0.1)
        yield Server(process, port, path, records)
    finally:
        process.terminate()
        process.wait()


def one_by_one(server: Server, rows: list[dict[str, Any]], size: int = 1) -> Cost:
    """What a request of so many rows costs on one connection."""
    connection, took, before = server.connect(), [], server.cpu()
    for at in range(len(rows)):
        body = server.body([rows[(at + more) % len(rows)] for more in range(size)])
        start = time.perf_counter()
        server.ask(connection, body)
        took.append(time.perf_counter() - start)
    return Cost(median(took), (server.cpu() - before) / len(rows), server.memory())


def all_at_once(server: Server, rows: list[dict[str, Any]]) -> tuple[Cost, str]:
    """What a row costs on many connections, and in words how long answers took.

    Ends the run if memory grows, or one fails.
    """
    took, failed = list[float](), list[BaseException]()
    end = time.monotonic() + SECONDS

    def keep_asking(number: int) -> None:
        connection, at = server.connect(), number
        try:
            while (start := time.monotonic()) < end:
                server.ask(connection, server.body([rows[at % len(rows)]]))
                took.append(time.monotonic() - start)
                at += CONNECTIONS
        except BaseException as error:
            failed.append(error)

    before = server.cpu()
    threads = [threading.Thread(target=keep_asking, args=(n,)) for n in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    time.sleep(SECONDS / 4)
    early = server.memory()
    for thread in threads:
        thread.join()
    if failed:
        raise SystemExit(f"{len(failed)} of {CONNECTIONS} connections failed: {failed[0]}")
    late, count = server.memory(), len(took)
    if late > early * 1.05:
        raise SystemExit(f"memory grew from {early:.0f} to {late:.0f} MB")
    places = quantiles(took, n=100)
    words = f"answers in {places[49] * 1000:.0f} ms, 99% in {places[98] * 1000:.0f} ms"
    return Cost(SECONDS / count, (server.cpu() - before) / count, late), words


def until_it_answers(server: Server, row: dict[str, Any]) -> None:
    """Wait for a server whose workers start after its port does. Ends the run if it ends."""
    while server.process.poll() is None:
        with suppress(SystemExit, OSError, HTTPException):
            server.ask(server.connect(), server.body([row]))
            return
        time.sleep(0.1)
    raise SystemExit("a server ended before it answered")


def check(server: Server, project: Path) -> list[dict[str, Any]]:
    """Hold predictions of flights against scikit-learn's, and return some flights."""
    model = joblib.load(project / "models/model.joblib")
    connection, left, some = server.connect(), ROWS, list[dict[str, Any]]()
    for path in sorted((project / "data/prepared").glob("*.parquet"), reverse=True):
        flights = pd.read_parquet(path).head(left)
        features = pd.read_parquet(project / "data/features" / path.name).head(left)
        wanted = model.predict_proba(features[model.feature_names_in_])[:, 1].round(9).tolist()
        flights = flights.drop(columns="disrupted").assign(date=flights["date"].astype(str))
        rows = json.loads(flights.to_json(orient="records", double_precision=15))
        found = list[float]()
        for at in range(0, len(rows), AT_ONCE):
            answers = server.ask(connection, server.body(rows[at : at + AT_ONCE]))
            found += [each["probability"] for each in answers]
        if differ := sum(one != two for one, two in zip(found, wanted, strict=True)):
            raise SystemExit(f"{differ} of {len(rows)} flights in {path} are predicted otherwise")
        some, left = some or rows[:ASKED], left - len(rows)
        if not left:
            break
    return some


def rows(sizes: list[int]) -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as name:
        project = clone(Path(name) / "project", data=True)
        run(project, sys.executable, "src/export.py", "serving")
        peers = {
            "alone": (sys.executable, PEERS / "serving_alone.py"),
            "same": (sys.executable, PEERS / "serving_sklearn.py"),
            "mlflow": (program("python"), PEERS / "serving_mlflow.py", "PORT"),
            "litserve": (program("python"), PEERS / "serving_litserve.py", "PORT"),
        }
        names = {
            "alone": "each request by itself",
            "same": "`predict_proba` in the same service",
            "mlflow": "MLflow's scoring server",
            "litserve": "LitServe",
        }
        forms = {"mlflow": {"records": "dataframe_records", "path": "/invocations"}}
        with ExitStack() as stack:
            ours = stack.enter_context(serving(project, sys.executable, "-m", "service"))
            some = check(ours, project)
            servers = {"ours": ours} | {
                key: stack.enter_context(serving(project, *command, **forms.get(key, {})))
                for key, command in peers.items()
            }
            for server in servers.values():
                until_it_answers(server, some[0])
            alone: dict[str, list[Cost]] = {key: [] for key in servers}
            long = list[Cost]()
            for _ in range(ROUNDS):
                for key, server in servers.items():
                    alone[key].append(one_by_one(server, some))
                long.append(one_by_one(ours, some, LONG))
            many = {key: all_at_once(server, some) for key, server in servers.items()}
            single = {key: middle(costs) for key, costs in alone.items()}
            for key, peer in names.items():
                yield Row(
                    f"{ONE}: {single['ours'].wall * 1000:.1f} ms a row",
                    f"{peer}: {single[key].wall * 1000:.1f} ms",
                    single["ours"].times(1000),
                    single[key].times(1000),
                )
            for key, peer in names.items():
                yield Row(
                    f"{MANY}: {many['ours'][0].wall * 1000:.1f} ms a row, {many['ours'][1]}",
                    f"{peer}: {many[key][0].wall * 1000:.1f} ms, {many[key][1]}",
                    many["ours"][0].times(1000),
                    many[key][0].times(1000),
                )
            yield Row(
                f"1,000 requests of {LONG} rows: {middle(long).wall * 1000:.1f} ms a request",
                f"of one row: {single['ours'].wall * 1000:.1f} ms",
                middle(long).times(1000),
                single["ours"].times(1000),
            )


SECTION = Section("8. Serving", __doc__, rows, ["mlflow-skinny", "litserve"])
