"""Keeps inputs and predictions as Parquet: a folder a day, in it a file for some seconds.

It never holds up an answer: rows wait in memory, at most MOST of them, and those there is no room
for are counted and left out. A file is written whole or not at all.
"""

import datetime
import hashlib
import hmac
import logging
import queue
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from service.contract import Columns, Contract
from service.settings import Refused, Settings

MOST = 100_000  # rows that wait
SECONDS = 5.0  # between files


@dataclass(frozen=True)
class Entry:
    """A request that was answered: its rows and their predictions, when, and its name."""

    rows: Columns
    said: npt.NDArray[np.float64]
    moment: datetime.datetime
    request: str


class Log:
    """What was asked and answered, kept in a folder by a thread of its own, if there is a folder.

    Raises Refused if it cannot be written to, or a column is not there.
    """

    def __init__(
        self, settings: Settings, contract: Contract, said: list[str], lost: Callable[[int], Any]
    ) -> None:
        self._settings, self._said, self._lost = settings, said, lost
        self._frame, columns = contract.frame, [column.name for column in contract.columns]
        self._key = (settings.log_secret or "").encode()
        self._queue: queue.Queue[Entry | None] = queue.Queue()
        self._lock, self._rows = threading.Lock(), 0
        self._thread: threading.Thread | None = None
        if settings.log is None:
            return
        for name in [*settings.log_hash, *settings.log_drop]:
            if name not in columns:
                raise Refused(f"the log is to hash or drop {name!r}, and rows have no such column")
        self._folder = settings.log
        try:
            settings.log.mkdir(parents=True, exist_ok=True)
            probe = settings.log / f".{uuid.uuid4().hex}"
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise Refused(f"SERVE_LOG: {settings.log}: {error.strerror}") from None
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    def add(self, rows: Columns, said: npt.NDArray[np.float64], request: str) -> None:
        """Keep some rows, if there is room."""
        if self._thread is None:
            return
        with self._lock:
            fits = self._rows + len(said) <= MOST
            self._rows += len(said) if fits else 0
        if fits:
            self._queue.put(Entry(rows, said, datetime.datetime.now(datetime.UTC), request))
        else:
            self._lost(len(said))

    def close(self) -> None:
        """Write what waits, and end."""
        if self._thread:
            self._queue.put(None)
            self._thread.join()

    def _run(self) -> None:
        entry = self._queue.get()
        while entry is not None:
            entries, end = [], time.monotonic() + SECONDS
            while entry is not None:
                entries.append(entry)
                try:
                    entry = self._queue.get(timeout=max(0.0, end - time.monotonic()))
                except queue.Empty:
                    break
            self._write(entries)
            if entry is not None:
                entry = self._queue.get()

    def _write(self, entries: list[Entry]) -> None:
        rows = sum(len(each.said) for each in entries)
        try:
            for day in sorted({each.moment.date() for each in entries}):
                some = [self._kept(each) for each in entries if each.moment.date() == day]
                folder = self._folder / f"{day}"
                folder.mkdir(exist_ok=True)
                name = f"{entries[0].moment:%H%M%S}-{uuid.uuid4().hex}"
                part = folder / f"{name}.part"
                pd.concat(some, ignore_index=True).to_parquet(part, compression="zstd", index=False)
                part.replace(folder / f"{name}.parquet")
        except OSError as error:
            logging.getLogger("uvicorn.error").error("%s rows are not logged: %s", rows, error)
            self._lost(rows)
        with self._lock:
            self._rows -= rows

    def _kept(self, entry: Entry) -> pd.DataFrame:
        rows = self._frame(entry.rows).drop(columns=self._settings.log_drop)
        for name in set(self._settings.log_hash) & set(rows):
            rows[name] = rows[name].map(self._hashed).astype("str")
        about = {
            "row": [f"{entry.request}-{at + 1}" for at in range(len(rows))],
            "predicted_at": pd.Timestamp(entry.moment).tz_convert("UTC").as_unit("us"),
            "model": self._settings.version,
        }
        names = pd.DataFrame(about, index=rows.index)
        # A column of the rows goes first, should it have one of these names.
        names = names.drop(columns=rows.columns, errors="ignore")
        said = pd.DataFrame(entry.said, rows.index, self._said)
        return pd.concat([rows, said, names], axis=1)

    def _hashed(self, value: Any) -> str | None:
        if pd.isna(value):
            return None
        return hmac.new(self._key, str(value).encode(), hashlib.sha256).hexdigest()
