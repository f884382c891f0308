"""The endpoints, and the limits that hold for them."""

import asyncio
import contextlib
import json
import time
import uuid
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import numpy.typing as npt
from fastapi import FastAPI, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import BaseModel, Field, create_model
from starlette.requests import ClientDisconnect

import schema
from service.batches import Batches
from service.contract import Columns, Contract, Wrong, joined
from service.figures import Figures
from service.log import Log
from service.model import Model
from service.settings import Settings, load

FAULTS = 20  # that an answer names


class Fault(BaseModel):
    """A value that is wrong."""

    row: int
    field: str
    says: str
    value: str | None = None


class Refusal(BaseModel):
    """What was wrong with a request."""

    error: str
    faults: list[Fault] = []


class Service:
    """The model with all that answering takes."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.contract = Contract(schema.ROWS, settings.max_rows)
        self.model = Model(settings.model, self.contract.frame)
        self.figures = Figures(probabilities=self.model.about["task"] != "regression")
        self.log = Log(settings, self.contract, self.model.columns, self.figures.unlogged.inc)
        self.batches = Batches(self.compute, settings.max_bytes)
        self.running = 0
        self.ready = False
        self.example = self.tried()

    def tried(self) -> Any:
        """The example that the page shows, predicted once, so that all that is slow at first is
        done; None if the manifest has none, or one that does not keep the contract."""
        example = self.model.about.get("example")
        try:
            self.model(self.contract.read(json.dumps(example).encode()))
        except Wrong:
            return None
        return example

    async def body(self, request: Request) -> bytes:
        """A body, counted as it comes, since it may not say beforehand how long it is."""
        kind = request.headers.get("content-type", "application/json").partition(";")[0].strip()
        if kind.lower() != "application/json":
            raise Wrong(415, f"the body is {kind}, and should be application/json")
        most, parts, length = self.settings.max_bytes, list[bytes](), 0
        said = request.headers.get("content-length", "0")
        if said.isdigit() and int(said) > most:
            raise Wrong(413, f"the body is larger than {most:,} bytes")
        try:
            async with asyncio.timeout(self.settings.body_seconds):
                async for part in request.stream():
                    length += len(part)
                    if length > most:
                        raise Wrong(413, f"the body is larger than {most:,} bytes")
                    parts.append(part)
        except ClientDisconnect:
            raise Wrong(400, "the client went away") from None
        except TimeoutError:
            raise Wrong(408, f"no whole body came in {self.settings.body_seconds:g} s") from None
        return b"".join(parts)

    def compute(self, bodies: list[bytes]) -> list[bytes | Exception]:
        """The answer to each body, or what is wrong with it."""
        parts = dict[int, Columns]()
        answers: list[bytes | Exception] = []
        for at, body in enumerate(bodies):
            answers.append(b"")
            try:
                parts[at] = self.contract.read(body)
            except Exception as wrong:
                answers[at] = wrong
        for at, scores in zip(parts, self.score(list(parts.values())), strict=True):
            if isinstance(scores, Exception):
                answers[at] = scores
            else:
                answers[at] = self.answer(parts[at], scores)
        return answers

    def score(self, parts: list[Columns]) -> list[npt.NDArray[np.float64] | Exception]:
        """The predictions of the rows of each request, or what is wrong with it.

        All are computed at once, and one by one if that fails, so that a bad row refuses its own.
        """
        if not parts:
            return []
        try:
            rows = joined(parts)
            self.contract.check(parts, rows)
            scores = self.model(rows)
        except Exception as wrong:
            return [wrong] if len(parts) == 1 else [self.score([part])[0] for part in parts]
        counts = [len(next(iter(part.values()))) for part in parts]
        return list(np.split(scores, np.cumsum(counts)[:-1]))

    def answer(self, rows: Columns, scores: npt.NDArray[np.float64]) -> bytes:
        """The answer to a request, which is logged and counted."""
        name = uuid.uuid4().hex
        self.log.add(rows, scores, name)
        self.figures.rows.inc(len(scores))
        for at, column in enumerate(self.model.columns):
            figure = self.figures.predicted.labels(column)
            for value in scores[:, at].tolist():
                figure.observe(value)
        predictions = [dict(zip(self.model.columns, row, strict=True)) for row in scores.tolist()]
        answer = {"model": self.settings.version, "request": name, "predictions": predictions}
        return json.dumps(answer, allow_nan=False, separators=(",", ":")).encode()

    async def predict(self, request: Request) -> bytes:
        """Answer a request. Raises Wrong."""
        if self.running >= self.settings.max_requests:
            raise Wrong(503, f"{self.running} requests are in work, and more are not taken")
        self.running += 1
        self.figures.running.inc()
        try:
            body = await self.body(request)
            seconds = self.settings.compute_seconds
            try:
                return await asyncio.wait_for(self.batches.answer(body), seconds)
            except TimeoutError:
                raise Wrong(503, f"no prediction was there in {seconds:g} s") from None
        finally:
            self.running -= 1
            self.figures.running.dec()

    def close(self) -> None:
        """Finish what runs, and write the log."""
        self.batches.close()
        self.log.close()


def create(settings: Settings) -> FastAPI:
    """The application. Raises Refused if it cannot start with these settings."""
    service = Service(settings)

    @contextlib.asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        service.ready = True
        yield
        service.ready = False
        service.close()

    app = FastAPI(title="Predictions", version=settings.version, lifespan=life)
    figures, about = service.figures, service.model.about
    card = settings.card.read_text(encoding="utf-8") if settings.card.is_file() else None
    answer = answered(service.model.columns)

    @app.post("/predict", responses=REFUSALS, response_model=answer)
    async def predict(request: Request) -> Response:
        """Predictions of a row, or of each of a list of rows."""
        start, status = time.perf_counter(), 500
        headers = {}
        try:
            content, status = await service.predict(request), 200
        except Wrong as wrong:
            status = wrong.status
            for name in {fault["field"] for fault in wrong.faults} or {""}:
                figures.refusals.labels(name).inc()
            said = Refusal.model_validate({"error": wrong.error, "faults": wrong.faults[:FAULTS]})
            content = said.model_dump_json(exclude_none=True).encode()
            if status == 503:
                headers["Retry-After"] = "1"
            if status in (408, 413, 415, 503):
                headers["Connection"] = "close"  # rather than read what is still to come
        finally:
            figures.requests.labels(status).inc()
            figures.latency.observe(time.perf_counter() - start)
        return Response(content, status, headers, "application/json")

    @app.get("/model")
    def model() -> dict[str, Any]:
        """Which model answers, by version and hashes, and its card."""
        known = {key: value for key, value in about.items() if key != "example"}
        return {"version": settings.version, **known, "card": card}

    @app.get("/health")
    async def health() -> dict[str, bool]:
        """Whether the process lives."""
        return {"alive": True}

    @app.get("/ready", responses={503: {"description": "Not ready"}})
    async def ready(response: Response) -> dict[str, bool]:
        """Whether it takes requests."""
        free = service.ready and service.running < settings.max_requests
        response.status_code = 200 if free else 503
        return {"ready": free}

    @app.get("/metrics", response_class=Response)
    def metrics() -> Response:
        """Figures for Prometheus."""
        return Response(figures.text(), media_type=CONTENT_TYPE_LATEST)

    # Not by FastAPI, which would round the limits of whole numbers.
    app.openapi()["paths"]["/predict"]["post"]["requestBody"] = body_of(service)
    return app


def of_environment() -> FastAPI:
    """The application of a worker, which the process that starts it has found to start."""
    return create(load())


def answered(columns: list[str]) -> type[BaseModel]:
    """The model of an answer: a figure a column, by its name."""
    fields: dict[str, Any] = {
        f"field_{at}": (float, Field(alias=name)) for at, name in enumerate(columns)
    }
    prediction: Any = create_model("Prediction", **fields)
    return create_model(
        "Answer", model=(str, ...), request=(str, ...), predictions=(list[prediction], ...)
    )


def body_of(service: Service) -> dict[str, Any]:
    """What OpenAPI says of a body."""
    content: dict[str, Any] = {"schema": service.contract.json_schema}
    if service.example is not None:
        content["example"] = service.example
    return {"required": True, "content": {"application/json": content}}


REFUSALS: dict[int | str, dict[str, Any]] = {
    status: {"model": Refusal, "description": what}
    for status, what in {
        400: "The body is not JSON",
        408: "The body was too slow",
        413: "The body is too large",
        415: "The body is of another type",
        422: "A value is wrong, or there are too many rows",
        503: "Too much to do: try again after Retry-After seconds",
    }.items()
}
