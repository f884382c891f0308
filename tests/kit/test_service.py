"""The parts of the service, on schemas of any data; tests of it as a whole go through HTTP."""

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pandera.pandas as pa
import pytest
import uvicorn
from hypothesis import given
from hypothesis import strategies as st
from project import ROOT, free_port
from service import log
from service.contract import Contract, Wrong
from service.server import options
from service.settings import Refused, Settings, load

from kit.serve.session import MISSING

WORD = pa.Check(lambda values: values != "no", error="another word than no")
RULES = pa.DataFrameSchema(
    {
        "Größe (m²)": pa.Column("float64", pa.Check.in_range(0, 10), nullable=True),
        "class": pa.Column("int8", pa.Check.ge(1)),
        "large": pa.Column("int64"),
        "at": pa.Column("datetime64[us]"),
        "moment": pa.Column("datetime64[us, UTC]", nullable=True),
        "yes": pa.Column("bool"),
        "some": pa.Column("str", pa.Check.isin(["a", "b"]), nullable=True),
        "word": pa.Column("str", [pa.Check.str_length(1, 5), WORD]),
    },
    strict="filter",
)
ROW: dict[str, Any] = {
    "Größe (m²)": 1.5, "class": 2, "large": 2**53 + 1, "at": "2024-02-29T12:00:00",
    "moment": "2024-02-29T12:00:00+02:00", "yes": True, "some": "a", "word": "ç",
}  # fmt: skip
CONTRACT = Contract(RULES, 3)


def body(**changes: Any) -> bytes:
    return json.dumps(ROW | changes).encode()


def frame_of(contract: Contract, sent: bytes) -> pd.DataFrame:
    """The rows of a body as a frame, once they keep the contract."""
    columns = contract.read(sent)
    contract.check([columns], columns)
    return contract.frame(columns)


def test_rows_become_a_frame_of_the_types_that_the_schema_has() -> None:
    found = frame_of(CONTRACT, f"[{json.dumps(ROW)}, {json.dumps(ROW | {'new': [1]})}]".encode())
    assert RULES.validate(found).shape == (2, len(ROW))
    assert found["large"].tolist() == [2**53 + 1] * 2
    assert found["moment"][0] == pd.Timestamp("2024-02-29T10:00", tz="UTC")
    known = {name: str(found[name].dtype) for name in found}
    assert known["at"] == "datetime64[us]"
    assert known["moment"] == "datetime64[us, UTC]"
    assert known["class"] == "int8"
    assert known["some"] == known["word"] == "str"


def test_what_may_be_missing_may_be_null_or_left_out() -> None:
    assert frame_of(CONTRACT, body(at="2024-02-29"))["at"][0] == pd.Timestamp("2024-02-29")
    gone = dict.fromkeys(("Größe (m²)", "moment", "some"))
    fewer = {name: value for name, value in ROW.items() if name not in gone}
    rows = [frame_of(CONTRACT, json.dumps(ROW | gone).encode())]
    rows.append(frame_of(CONTRACT, json.dumps(fewer).encode()))
    for found in rows:
        assert found[list(gone)].isna().all(axis=None)
        RULES.validate(found)


def test_types_of_pandas_that_hold_gaps_are_made_and_others_hold_none() -> None:
    rules = pa.DataFrameSchema(
        {name: pa.Column(name, nullable=True) for name in ("Int64", "boolean", "Float64", "int8")}
    )
    gaps = frame_of(Contract(rules, 3), b'{"Int64": null, "boolean": null, "int8": 1}')
    assert rules.validate(gaps).isna().sum(axis=None) == 3
    values = frame_of(
        Contract(rules, 3), b'{"Int64": 9007199254740993, "boolean": true, "int8": 1}'
    )
    assert rules.validate(values)["Int64"].tolist() == [2**53 + 1]
    with pytest.raises(Wrong, match="int8 is missing"):
        frame_of(Contract(rules, 3), b'{"int8": null}')


def test_each_of_two_checks_holds() -> None:
    columns = {
        "x": pa.Column(float, [pa.Check.in_range(5, 10), pa.Check.ge(0)]),
        "w": pa.Column("str", [pa.Check.isin(["a", "long"]), pa.Check.str_length(1, 3)]),
    }
    contract = Contract(pa.DataFrameSchema(columns), 3)
    assert len(frame_of(contract, b'{"x": 5, "w": "a"}')) == 1
    for sent in (b'{"x": 3, "w": "a"}', b'{"x": 5, "w": "long"}'):
        with pytest.raises(Wrong, match="row 1: "):
            frame_of(contract, sent)


REFUSED: dict[str, list[Any]] = {
    "class": [0, 128, 1.5, "1", True, None, 10**400, [1], {}],
    "Größe (m²)": [-0.1, 10.1, "1", True, float("nan"), float("inf"), 10**400],
    "large": [2**63, -(2**63) - 1, 1e30],
    "at": ["2024-02-30T00:00:00", "soon", "2024-02-29T12:00:00Z", True, 1e300, None],
    "moment": ["2024-02-29T12:00:00", "10000-01-01T00:00:00Z"],
    "yes": [1, "true", None],
    "some": ["c", "", 1],
    "word": ["", "longer", "no", MISSING, 7],
}


@pytest.mark.parametrize(("name", "value"), [(n, v) for n, vs in REFUSED.items() for v in vs])
def test_a_wrong_value_names_its_row_and_field(name: str, value: Any) -> None:
    with pytest.raises(Wrong) as wrong:
        frame_of(CONTRACT, b"[" + body() + b"," + body(**{name: value}) + b"]")
    assert wrong.value.status == 422
    assert {(fault["row"], fault["field"]) for fault in wrong.value.faults} == {(2, name)}
    assert wrong.value.error.startswith(f"row 2: {name} is ")
    assert wrong.value.faults[0]["says"].startswith("must be ")


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (b"", "the body is not JSON"),
        (b"{", "the body is not JSON"),
        (b'{"class": 01}', "the body is not JSON"),
        (b"\xff\xfe", "the body is not JSON"),
        (b'{"word": "\\ud800"}', "the body is not JSON"),
        (b"[" * 100_000, "the body is not JSON: recursion limit"),
        (b'{"a":' * 100_000, "the body is not JSON: recursion limit"),
        (b"null", "the body: "),
        (b"1", "the body: "),
        (b"[]", "the body: list should have at least 1 item"),
        (b"[1]", "row 1: "),
        (b"[" + b",".join([body()] * 4) + b"]", "the body: list should have at most 3 items"),
        (b"{}", "row 1: class is missing; row 1: large is missing"),
        (
            body(large=0).replace(b'"large": 0', b'"large": ' + b"9" * 5000),
            "the body is not JSON: number",
        ),
        (body(large=0).replace(b'"large": 0', b'"large": 1e999'), "row 1: large is"),
    ],
)
def test_a_wrong_body_is_said(sent: bytes, said: str) -> None:
    with pytest.raises(Wrong) as wrong:
        frame_of(CONTRACT, sent)
    assert wrong.value.error.startswith(said)
    assert wrong.value.status in (400, 422)


@given(st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(list(ROW)) | st.text(), inner),
))  # fmt: skip
def test_any_json_is_a_frame_or_wrong(value: Any) -> None:
    for sent in (value, ROW | value if isinstance(value, dict) else [ROW, value]):
        with contextlib.suppress(Wrong):
            RULES.validate(frame_of(CONTRACT, json.dumps(sent).encode()))


@given(st.lists(st.sampled_from(["1.5", "-1", "null", "2", '"x"']), min_size=1, max_size=3))
def test_a_column_is_read_at_once_as_it_is_value_by_value(numbers: list[str]) -> None:
    """What is refused at once has a value at fault, and what is not has none."""
    rows = [body().replace(b"1.5", number.encode()) for number in numbers]
    wrong = [number in ("-1", '"x"') for number in numbers]
    sent = b"[" + b",".join(rows) + b"]"
    if any(wrong):
        with pytest.raises(Wrong, match=f"row {wrong.index(True) + 1}: Größe"):
            CONTRACT.read(sent)
    else:
        assert len(CONTRACT.read(sent)["word"]) == len(rows)


def test_a_check_is_asked_once_of_a_value() -> None:
    asked = list[float]()

    def even(values: pd.Series) -> pd.Series:
        asked.extend(values)
        return values % 2 == 0

    contract = Contract(pa.DataFrameSchema({"x": pa.Column(float, pa.Check(even))}), 3)
    for _ in range(2):
        frame_of(contract, b'[{"x": 2}, {"x": 4}]')
    with pytest.raises(Wrong, match=r"row 2: x is 3\.0"):
        frame_of(contract, b'[{"x": 2}, {"x": 3}]')
    assert sorted(asked[:2]) == [2, 4]
    assert asked[2] == 3


def test_the_page_has_the_ranges_and_the_words_of_other_checks() -> None:
    known = CONTRACT.json_schema["oneOf"][0]["properties"]
    assert known["Größe (m²)"]["anyOf"][0] == {"type": "number", "minimum": 0, "maximum": 10}
    assert known["some"]["anyOf"][0]["enum"] == ["a", "b"]
    assert known["word"]["description"] == "another word than no"
    assert CONTRACT.json_schema["oneOf"][1]["maxItems"] == 3


def test_checks_of_whole_rows_are_asked() -> None:
    rules = pa.DataFrameSchema(
        {"low": pa.Column(float), "high": pa.Column(float)},
        checks=pa.Check(lambda rows: rows["low"] <= rows["high"], error="low is not above high"),
    )
    assert len(frame_of(Contract(rules, 3), b'{"low": 1, "high": 2}')) == 1
    with pytest.raises(Wrong, match="low is not above high"):
        frame_of(Contract(rules, 3), b'{"low": 3, "high": 2}')


def test_settings_come_from_the_environment_and_wrong_ones_are_named() -> None:
    found = load(
        {"SERVE_MAX_ROWS": "7", "SERVE_LOG_DROP": "a, b", "SERVE_PORT": "tcp://1.2.3.4:80"}
    )
    assert (found.max_rows, found.log_drop) == (7, ["a", "b"])
    for environment, said in {
        "SERVE_MAX_ROWS=0": "SERVE_MAX_ROWS is '0': Input should be greater than or equal to 1",
        "SERVE_MAX_ROW=5": "did you mean SERVE_MAX_ROWS?",
        "SERVE_ADDRESS=8000": "SERVE_ADDRESS is '8000'",
        "SERVE_LOG_HASH=word": "SERVE_LOG_HASH needs SERVE_LOG_SECRET",
    }.items():
        with pytest.raises(Refused) as refused:
            load(dict([environment.split("=")]))
        assert said in str(refused.value)


def scores(rows: int) -> Any:
    return np.linspace(0, 1, rows).reshape(-1, 1)


def test_the_log_is_whole_files_of_rows_predictions_and_what_names_them(tmp_path: Path) -> None:
    settings = Settings(
        log=tmp_path / "log", log_hash=["word"], log_drop=["class"], log_secret="s", version="v1"
    )
    kept = log.Log(settings, CONTRACT, ["probability"], lost=lambda _: None)
    first, second = (
        CONTRACT.read(b"[" + body() + b"," + body(word="b") + b"]"),
        CONTRACT.read(body()),
    )
    rows = CONTRACT.frame(first)
    kept.add(first, scores(2), "first")
    kept.add(second, scores(1), "second")
    kept.close()
    (path,) = tmp_path.rglob("*.*")
    found = pd.read_parquet(path)
    assert path.suffix == ".parquet"
    assert path.parent.name == f"{found['predicted_at'][0]:%Y-%m-%d}"
    assert found["row"].tolist() == ["first-1", "first-2", "second-1"]
    assert found["probability"].tolist() == [0, 1, 0]
    assert set(found["model"]) == {"v1"}
    assert "class" not in found
    assert found["word"][0] == found["word"][2] != found["word"][1]
    assert not set(found["word"]) & {"ç", "b"}
    pd.testing.assert_series_equal(found["large"][:2], rows["large"])


def test_a_log_that_cannot_be_written_holds_nothing_up_and_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost: list[int] = []
    told = threading.Event()

    def lose(rows: int) -> None:
        lost.append(rows)
        told.set()

    monkeypatch.setattr(log, "MOST", 3)
    monkeypatch.setattr(log, "SECONDS", 0.01)
    contract = Contract(pa.DataFrameSchema({"a": pa.Column(int)}), 4)
    kept = log.Log(Settings(log=tmp_path / "log"), contract, ["probability"], lose)
    (tmp_path / "log").rmdir()
    kept.add({"a": np.array([1, 2])}, scores(2), "one")
    assert told.wait(10)
    assert lost == [2]
    kept.add({"a": np.arange(4)}, scores(4), "too many")
    assert lost == [2, 4]
    kept.close()
    with pytest.raises(Refused, match="'b', and rows have no such column"):
        log.Log(Settings(log=tmp_path, log_drop=["b"]), contract, [], lost.append)


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Answer with the body of a request, which is read for /read alone."""
    text = b"ok"
    if scope["path"] == "/read":
        message = await receive()
        text = message.get("body", b"")
    await send({"type": "http.response.start", "status": 200, "headers": [
        (b"content-length", str(len(text)).encode())]})  # fmt: skip
    await send({"type": "http.response.body", "body": text})


@contextlib.contextmanager
def serving(**changes: Any) -> Iterator[int]:
    """The port of a server with some settings, and an application that is not in question."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        settings = {"lifespan": "off", "log_level": "critical"}
        server = uvicorn.Server(uvicorn.Config(echo, **options(Settings(**changes)) | settings))
        thread = threading.Thread(target=server.run, args=([door],))
        thread.start()
        try:
            yield door.getsockname()[1]
        finally:
            server.should_exit = server.force_exit = True
            thread.join()


def answer(port: int, *parts: bytes) -> bytes:
    """All that a server says to what is sent, until it ends the connection."""
    with socket.create_connection(("127.0.0.1", port), 60) as client:
        with contextlib.suppress(OSError):  # it need not listen to the end
            for part in parts:
                client.sendall(part)
        return until_end(client)


def until_end(client: socket.socket) -> bytes:
    text = b""
    with contextlib.suppress(ConnectionResetError):
        while part := client.recv(65_536):
            text += part
    return text


GET = b"GET / HTTP/1.1\r\nHost: x\r\n"
LAST = b"Connection: close\r\n\r\n"


def test_headers_of_any_number_and_size_are_refused_and_others_answered() -> None:
    with serving(max_headers=20, max_header_bytes=1000, max_bytes=1000) as port:
        many = b"".join(b"a%d: b\r\n" % at for at in range(19))
        long = b"a: %s\r\n" % (b"b" * 1001)
        more = GET + b"\r\n"  # on the same connection, which is kept
        refused = [
            GET + many + LAST,
            GET + long + LAST,
            b"GET /%s HTTP/1.1\r\nHost: x\r\n" % (b"a" * 1000) + LAST,
            GET + b"a: " + b"b" * 1_000_000,  # and no end
            b"GET /" + b"a" * 1_000_000,
        ]
        for sent in refused:
            assert answer(port, sent).startswith(b"HTTP/1.1 431 ")
            said = answer(port, more, sent)
            assert said.startswith(b"HTTP/1.1 200 OK")
            assert b"HTTP/1.1 431 " in said
        chunked = GET.replace(b"/ ", b"/read ") + b"Transfer-Encoding: chunked\r\n\r\n0\r\n"
        assert answer(port, chunked + b"a: " + b"b" * 1_000_000) == b""
        assert b" 200 " in answer(port, GET + many[:49] + LAST)


def test_headers_that_do_not_come_end_the_connection() -> None:
    with serving(header_seconds=0.2) as port:
        late = b"HTTP/1.1 408 Request Timeout"
        assert answer(port).startswith(late)
        assert answer(port, GET + b"a: ").startswith(late)
        assert answer(port, b"\r\n" * 9).startswith(late)
        begun = answer(port, GET + b"\r\n" + GET)
        assert begun.startswith(b"HTTP/1.1 200 OK")
        assert late in begun
        body = GET + b"Content-Length: 99\r\n\r\nbody"  # which nobody waits for
        assert late in answer(port, body)
        with socket.create_connection(("127.0.0.1", port), 60) as client:
            client.settimeout(0.01)
            client.sendall(GET + b"a: ")
            said = b""
            with contextlib.suppress(OSError):
                while not said:  # a byte now and then
                    client.sendall(b"b")
                    with contextlib.suppress(TimeoutError):
                        said = client.recv(99)
            assert said.startswith(late)


def test_more_connections_than_are_held_are_sent_away() -> None:
    with serving(max_connections=3) as port, contextlib.ExitStack() as stack:
        held = [
            stack.enter_context(socket.create_connection(("127.0.0.1", port), 60)) for _ in range(3)
        ]
        for client in held:
            client.sendall(GET + b"\r\n")
            assert client.recv(99).startswith(b"HTTP/1.1 200 OK")
        assert answer(port, GET + LAST).startswith(b"HTTP/1.1 503 Service Unavailable")
        held[0].sendall(GET + LAST)
        until_end(held[0])
        assert answer(port, GET + LAST).startswith(b"HTTP/1.1 200 OK")


NGINX = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")


@pytest.mark.skipif(not NGINX, reason="nginx is not installed")
def test_the_proxy_of_the_docs_ends_slow_headers_and_bounds_what_a_client_holds(
    tmp_path: Path,
) -> None:
    port = free_port()
    page = (ROOT / "docs/serving.md").read_text(encoding="utf-8")
    shown = re.findall(r"```\n(limit_conn_zone.*?)```", page, re.DOTALL)[0]
    with serving() as behind:
        for old, new in {
            "listen 443 ssl": f"listen 127.0.0.1:{port}",
            r"ssl_certificate.*": "",
            "server 127.0.0.1:8001": f"server 127.0.0.1:{behind}",
            "limit_conn client 20": "limit_conn client 2",
            "client_header_timeout 10s": "client_header_timeout 1s",
            "client_body_timeout 10s": "client_body_timeout 60s",
        }.items():
            assert re.search(old, shown)
            shown = re.sub(old, new, shown)
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        places = "".join(f"{kind}_temp_path {tmp_path}/{kind};\n" for kind in kinds)
        settings = tmp_path / "nginx.conf"
        settings.write_text(
            f"daemon off; pid {tmp_path}/pid; error_log {tmp_path}/log; events {{}}\n"
            f"http {{ access_log off; {places} {shown} }}\n"
        )
        told = [str(NGINX), "-p", str(tmp_path), "-e", f"{tmp_path}/log", "-c", str(settings)]
        with subprocess.Popen(told) as nginx, contextlib.ExitStack() as stack:
            try:
                while not listens(port):
                    assert nginx.poll() is None, (tmp_path / "log").read_text()
                assert answer(port, GET + LAST).startswith(b"HTTP/1.1 200 OK")
                assert b" 200 " not in answer(port, GET + b"a: ")
                assert b" 400 " in answer(port, GET + b"a: " + b"b" * 5000 + b"\r\n" + LAST)
                post = GET.replace(b"GET", b"POST") + b"Content-Length: 9\r\n"
                for _ in range(2):
                    client = stack.enter_context(socket.create_connection(("127.0.0.1", port), 60))
                    client.sendall(post + b"Expect: 100-continue\r\n\r\n")
                    assert client.recv(99).startswith(b"HTTP/1.1 100 Continue")
                assert answer(port, GET + LAST).startswith(b"HTTP/1.1 503 ")
            finally:
                nginx.terminate()


def listens(port: int) -> bool:
    """Whether somebody does at a port of loopback."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
        return True
    return False
