"""What waits while a thread computes is computed together."""

import asyncio
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st
from service.batches import THREADS, Batches


class Held:
    """Computes a body in capitals, once it may; ``batches`` are the bodies it got together."""

    def __init__(self) -> None:
        self.batches = list[list[bytes]]()
        self.begun, self.may = threading.Semaphore(0), threading.Event()

    def __call__(self, bodies: list[bytes]) -> list[bytes | Exception]:
        self.batches.append(bodies)
        self.begun.release()
        assert self.may.wait(20)
        return [ValueError(body) if body == b"bad" else body.upper() for body in bodies]


def ask(held: Held, first: int, later: list[bytes], most: int) -> list[bytes | BaseException]:
    """The answers to ``later``, which come while all threads are at work on others."""

    async def main() -> list[bytes | BaseException]:
        batches = Batches(held, most)
        busy = [asyncio.ensure_future(batches.answer(b"first")) for _ in range(first)]
        await asyncio.sleep(0)
        for _ in range(first):
            await asyncio.to_thread(held.begun.acquire)
        waiting = [asyncio.ensure_future(batches.answer(body)) for body in later]
        await asyncio.sleep(0)
        held.may.set()
        answers = await asyncio.gather(*waiting, return_exceptions=True)
        await asyncio.gather(*busy)
        batches.close()
        return answers

    return asyncio.run(main())


def test_a_lone_request_waits_for_nobody() -> None:
    held = Held()
    held.may.set()
    assert ask(held, 0, [b"a"], 100) == [b"A"]
    assert held.batches == [[b"a"]]


def test_what_comes_while_threads_compute_is_computed_together() -> None:
    held = Held()
    bodies = [b"a", b"bad", b"c"]
    first, wrong, last = ask(held, THREADS, bodies, 100)
    assert (first, last) == (b"A", b"C")
    assert isinstance(wrong, ValueError)
    assert held.batches[THREADS:] == [bodies]


@given(st.lists(st.binary(min_size=1, max_size=9).filter(lambda body: body != b"bad"), max_size=9))
def test_a_batch_has_a_bound_and_each_body_its_own_answer(bodies: list[bytes]) -> None:
    held = Held()
    assert ask(held, THREADS, bodies, 10) == [body.upper() for body in bodies]
    later = held.batches[THREADS:]
    assert sorted(body for batch in later for body in batch) == sorted(bodies)
    assert all(len(batch) == 1 or sum(map(len, batch)) <= 10 for batch in later)


def test_a_failure_of_all_is_that_of_each() -> None:
    def fail(bodies: list[bytes]) -> list[bytes | Exception]:
        raise RuntimeError("out of memory")

    async def main() -> None:
        batches = Batches(fail, 10)
        for _ in range(THREADS + 1):  # no thread is lost by it
            with pytest.raises(RuntimeError, match="out of memory"):
                await batches.answer(b"a")
        batches.close()

    asyncio.run(main())
