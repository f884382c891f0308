"""The endpoints, and the limits that hold for them."""

import asyncio
import contextlib
import json
import time
import uuid
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from fastapi import FastAPI, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel, Field, create_model
from starlette.requests import ClientDisconnect

import schema
from service.contract import Contract, Wrong
from service.figures import Figures
from service.log import Log
from service.model import Model
from service.settings import Settings

THREADS = 2  # that compute: more would wait for Python's lock
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
        self.model = Model(settings.model)
        self.contract = Contract(schema.ROWS, settings.max_rows)
        self.figures = Figures(probabilities=self.model.about["task"] != "regression")
        columns = [each.name for each in self.contract.columns]
        self.log = Log(settings, columns, self.model.columns, self.figures.unlogged.inc)
        self.threads = ThreadPoolExecutor(THREADS, "predict")
        self.running = 0
        self.ready = False
        self.example = self.tried()

    def tried(self) -> Any:
        """The example that the page shows, predicted once, so that all that is slow at first is
        done; None if the manifest has none, or one that does not keep the contract."""
        example = self.model.about.get("example")
        try:
            self.model(self.contract.frame(json.dumps(example).encode()))
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

    def compute(self, body: bytes, name: str) -> bytes:
        """The answer to a body."""
        rows = self.contract.frame(body)
        found = self.model(rows)
        self.log.add(rows, found, name)
        self.figures.rows.inc(len(rows))
        for at, column in enumerate(self.model.columns):
            figure = self.figures.predicted.labels(column)
            for value in found[:, at].tolist():
                figure.observe(value)
        predictions = [dict(zip(self.model.columns, row, strict=True)) for row in found.tolist()]
        answer = {"model": self.settings.version, "request": name, "predictions": predictions}
        return json.dumps(answer, allow_nan=False, separators=(",", ":")).encode()

    async def predict(self, request: Request) -> bytes:
        """Answer a request. Raises Wrong."""
        if self.running >= self.settings.max_requests:
            raise Wrong(503, f"{self.running} requests are in work, and more are not taken")
        self.running += 1
        try:
            body = await self.body(request)
            loop, seconds = asyncio.get_running_loop(), self.settings.compute_seconds
            work = loop.run_in_executor(self.threads, self.compute, body, uuid.uuid4().hex)
            try:
                return await asyncio.wait_for(work, seconds)
            except TimeoutError:
                raise Wrong(503, f"no prediction was there in {seconds:g} s") from None
        finally:
            self.running -= 1


def create(settings: Settings) -> FastAPI:
    """The application. Raises Refused if it cannot start with these settings."""
    service = Service(settings)

    @contextlib.asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        service.ready = True
        yield
        service.ready = False
        service.threads.shutdown()
        service.log.close()

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
        figures.running.set(service.running)
        return Response(generate_latest(figures.registry), media_type=CONTENT_TYPE_LATEST)

    # Not by FastAPI, which would round the limits of whole numbers.
    app.openapi()["paths"]["/predict"]["post"]["requestBody"] = body_of(service)
    return app


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
