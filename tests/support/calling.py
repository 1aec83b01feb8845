"""A crowd that calls one HTTP server with requests made beforehand, from a process of its own and at little cost."""

from __future__ import annotations

import asyncio
import multiprocessing
import re
import time
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from typing import Any

import msgspec

_LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")


class Calls(msgspec.Struct, frozen=True):
    """What became of them: how long all took, how many had which status, and the seconds each waited, in order."""

    seconds: float
    statuses: dict[int, int]
    waited: tuple[float, ...]


def request(method: str, path: str, headers: Mapping[str, str], body: bytes = b"") -> bytes:
    """The request as it goes over the wire."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


class _Caller(asyncio.Protocol):
    """One connection, which sends the next request when the last was answered."""

    def __init__(self, requests: deque[bytes], statuses: Counter[int], waited: list[float]) -> None:
        self._requests, self._statuses, self._waited = requests, statuses, waited
        self._transport: Any = None
        self._buffer, self._sent = b"", 0.0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._next()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, end, rest = self._buffer.partition(b"\r\n\r\n")
        if not end:
            return
        length = _LENGTH.search(head)
        if len(rest) < (int(length[1]) if length else 0):
            return
        self._statuses[int(head[9:12])] += 1
        self._waited.append(time.perf_counter() - self._sent)
        self._buffer = b""
        self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(exc or ConnectionResetError("the server hung up"))

    def _next(self) -> None:
        if not self._requests:
            self.done.set_result(None)
            self._transport.close()
            return
        self._sent = time.perf_counter()
        self._transport.write(self._requests.popleft())


async def call(port: int, requests: Sequence[bytes], connections: int) -> Calls:
    """All requests were answered, over so many connections at once. Raises OSError where one was not."""
    left, statuses, waited = deque(requests), Counter[int](), list[float]()
    loop, began = asyncio.get_running_loop(), time.perf_counter()
    callers = [
        (await loop.create_connection(lambda: _Caller(left, statuses, waited), "127.0.0.1", port))[1]
        for _ in range(connections)
    ]
    await asyncio.gather(*(caller.done for caller in callers))
    return Calls(time.perf_counter() - began, dict(statuses), tuple(waited))


def _called(port: int, requests: Sequence[bytes], connections: int) -> Calls:
    return asyncio.run(call(port, requests, connections))


class Crowd:
    """The process that calls."""

    def __init__(self, pool: ProcessPoolExecutor) -> None:
        self._pool = pool

    async def call(self, port: int, requests: Sequence[bytes], connections: int) -> Calls:
        """As ``call``."""
        return await asyncio.wrap_future(self._pool.submit(_called, port, list(requests), connections))


@contextmanager
def crowd() -> Iterator[Crowd]:
    """A process that calls, for as long as this lasts; it begins at once."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("forkserver")) as pool:
        pool.submit(time.time).result()
        yield Crowd(pool)
