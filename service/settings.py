"""The settings of the service: environment variables, and what each is for.

SERVE_MAX_ROWS=5000 sets ``max_rows``, and so on.
"""

import difflib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

PREFIX = "SERVE_"


def _names(value: object) -> object:
    """Names of columns, written with commas between them."""
    return [each.strip() for each in value.split(",")] if isinstance(value, str) else value


Names = Annotated[list[str], BeforeValidator(_names)]
Count = Annotated[int, Field(ge=1)]
Seconds = Annotated[float, Field(gt=0)]


class Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    model: Path = Path("serving")  # the folder with model.onnx and model.json
    card: Path = Path("models/README.md")  # the model's card, shown by /model if it is there
    version: str = "unknown"  # of the model, told with each answer; `make serve` asks Git
    address: Annotated[str, Field(pattern=r"^[^:]+:\d+$")] = "127.0.0.1:8000"

    workers: Count = 1  # processes; what follows holds for each of them
    max_bytes: Count = 1_000_000  # of a body
    max_rows: Count = 1000  # of a request
    max_requests: Count = 100  # that are answered at the same time; more are sent away
    max_connections: Count = 500  # held at the same time; more are sent away
    max_headers: Count = 100  # of a request
    max_header_bytes: Count = 16_000  # of all headers of a request, with the address of the page
    header_seconds: Seconds = 10.0  # until headers have to be here, from the connection or answer
    body_seconds: Seconds = 10.0  # until a body has to be here
    compute_seconds: Seconds = 10.0  # until a prediction has to be there

    log: Path | None = None  # the folder that inputs and predictions are kept in; unset: nowhere
    log_hash: Names = []  # columns of which only a keyed hash is kept
    log_drop: Names = []  # columns that are not kept
    log_secret: str | None = None  # the key of those hashes


class Refused(Exception):
    """The service cannot start so: the message says what to do."""


def load(environment: Mapping[str, str] = os.environ) -> Settings:
    """The settings that the environment has. Raises Refused, with a line for each wrong one."""
    known = {PREFIX + name.upper(): name for name in Settings.model_fields}
    for name in environment:
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.85)
        if name.startswith(PREFIX) and name not in known and near:
            raise Refused(f"{name} is no setting; did you mean {near[0]}?")
    given = {short: environment[name] for name, short in known.items() if name in environment}
    try:
        found = Settings.model_validate(given)
    except ValidationError as error:
        lines = [
            f"{PREFIX}{str(each['loc'][0]).upper()} is {each['input']!r}: {each['msg']}"
            for each in error.errors()
        ]
        raise Refused("\n".join(lines)) from None
    if found.log_hash and not found.log_secret:
        raise Refused(f"{PREFIX}LOG_HASH needs {PREFIX}LOG_SECRET: the hash of a name is guessed")
    return found
