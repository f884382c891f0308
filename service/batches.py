"""Requests that come while others are computed wait, and are then computed together.

Nobody waits for company: a thread that is free takes all that is there, up to a bound.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

Compute = Callable[[list[bytes]], list[bytes | Exception]]
THREADS = 2  # that compute: more would wait for Python's lock


class Batches:
    """Answers bodies by ``compute``, at most ``most`` bytes of them at once, but always one."""

    def __init__(self, compute: Compute, most: int) -> None:
        self._compute, self._most = compute, most
        self._waiting: deque[tuple[bytes, asyncio.Future[bytes]]] = deque()
        self._threads, self._free = ThreadPoolExecutor(THREADS, "predict"), THREADS

    async def answer(self, body: bytes) -> bytes:
        """The answer to a body. Raises what ``compute`` has in its place."""
        future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._waiting.append((body, future))
        self._start()
        return await future

    def close(self) -> None:
        self._threads.shutdown()

    def _start(self) -> None:
        """Give what waits to a free thread, if there are both."""
        if not (self._waiting and self._free):
            return
        batch, size = [self._waiting.popleft()], 0
        while self._waiting:
            size += len(batch[-1][0])
            if size + len(self._waiting[0][0]) > self._most:
                break
            batch.append(self._waiting.popleft())
        self._free -= 1
        bodies = [body for body, _ in batch]
        work = asyncio.get_running_loop().run_in_executor(self._threads, self._compute, bodies)
        work.add_done_callback(lambda done: self._end([future for _, future in batch], done))

    def _end(
        self,
        futures: list[asyncio.Future[bytes]],
        done: "asyncio.Future[list[bytes | Exception]]",
    ) -> None:
        self._free += 1
        error = done.exception()
        answers = [error] * len(futures) if error else done.result()
        for future, answer in zip(futures, answers, strict=True):
            if future.done():  # nobody waits for it any more
                continue
            if isinstance(answer, bytes):
                future.set_result(answer)
            else:
                future.set_exception(answer)
        self._start()
