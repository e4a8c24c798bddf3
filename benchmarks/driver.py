"""The load: keep-alive connections that each send the next request when the last is answered, or at a fixed rate.

Reads one Job as JSON from standard input, writes one Result as JSON to standard output. Every answer is checked;
a wrong one ends the run, unless the job counts failures (`tolerate`).
"""

import asyncio
import json
import sys
from array import array
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from time import perf_counter
from typing import cast

import httptools
import uvloop

from benchmarks.replies import ANSWER, TOKEN


@dataclass(frozen=True, slots=True)
class Job:
    """What to send, how, and what must come back."""

    port: int
    path: str
    headers: Mapping[str, str]
    body: str
    connections: int
    seconds: float = 0.0
    requests: int = 0
    """Stop after so many requests in all; 0 = after `seconds`."""
    rate: float = 0.0
    """Requests per second in all, sent on time whatever the answers do; 0 = as fast as answers come."""
    chunks: int = 0
    """Deltas that a stream must hold; 0 = a plain reply."""
    end: str = ""
    """What ends a stream's deltas (`[DONE]`, `event: done`)."""
    tolerate: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    """Latencies in milliseconds, to the last byte and (streams) to the first delta."""

    requests: int
    failures: int
    seconds: float
    p50: float
    p99: float
    longest: float
    first_p50: float
    first_p99: float


class WrongAnswer(Exception):
    """The server answered, but not what was asked for."""


class Connection(asyncio.Protocol):
    """One keep-alive connection with at most one request under way; `kept` = it takes another one."""

    def __init__(self) -> None:
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    async def ask(self, request: bytes) -> None:
        """Send, and wait for the whole answer; `status`, `body` and `first_delta` hold it."""
        if self.transport.is_closing():
            raise ConnectionResetError("the server closed a kept connection")
        self.parser = httptools.HttpResponseParser(self)
        self.body = bytearray()
        self.first_delta = 0.0
        self.done = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        await self.done

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        self.body += body
        if not self.first_delta and TOKEN in self.body:
            self.first_delta = perf_counter()

    def on_message_complete(self) -> None:
        self.status = self.parser.get_status_code()
        self.kept = self.parser.should_keep_alive()
        if not self.done.done():
            self.done.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(exc or ConnectionResetError("the server closed the connection"))


class Load:
    """Runs one job."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.request = _request(job)
        self.latencies = array("d")
        self.firsts = array("d")
        self.failures = 0
        self.started = 0.0
        self.sent = 0

    async def run(self) -> Result:
        self.started = perf_counter()
        await asyncio.gather(*(self.client() for _ in range(self.job.connections)))
        seconds = perf_counter() - self.started
        latencies, firsts = sorted(self.latencies), sorted(self.firsts)
        return Result(
            requests=len(latencies),
            failures=self.failures,
            seconds=seconds,
            p50=_quantile(latencies, 0.50),
            p99=_quantile(latencies, 0.99),
            longest=_quantile(latencies, 1.0),
            first_p50=_quantile(firsts, 0.50),
            first_p99=_quantile(firsts, 0.99),
        )

    def next_start(self) -> float | None:
        """When the next request leaves, or None when enough have."""
        start = self.started + self.sent / self.job.rate if self.job.rate else perf_counter()
        if self.sent >= self.job.requests if self.job.requests else start - self.started >= self.job.seconds:
            return None
        self.sent += 1
        return start

    async def client(self) -> None:
        connection: Connection | None = None
        while (start := self.next_start()) is not None:
            await asyncio.sleep(max(0.0, start - perf_counter()))
            try:
                if connection is None or connection.transport.is_closing():
                    connection = await connect(self.job.port)
                await connection.ask(self.request)
                self.check(connection)
            except (OSError, WrongAnswer):
                if not self.job.tolerate:
                    raise
                self.failures += 1
                connection = None
            else:
                self.latencies.append(perf_counter() - start)
                if self.job.chunks:
                    self.firsts.append(connection.first_delta - start)

    def check(self, answer: Connection) -> None:
        body = bytes(answer.body)
        if self.job.chunks:
            deltas, end, _ = body.partition(self.job.end.encode())
            right = bool(end) and deltas.count(TOKEN) == self.job.chunks
        else:
            right = ANSWER in body
        if answer.status != 200 or not right:
            raise WrongAnswer(f"{self.job.path} answered {answer.status}: {body[:2000].decode(errors='replace')}")


async def connect(port: int) -> Connection:
    """A new keep-alive connection to this machine."""
    return (await asyncio.get_running_loop().create_connection(Connection, "127.0.0.1", port))[1]


def _request(job: Job) -> bytes:
    body = job.body.encode()
    lines = [f"POST {job.path} HTTP/1.1", f"host: 127.0.0.1:{job.port}", f"content-length: {len(body)}"]
    lines += [
        f"{name}: {value}" for name, value in ({"content-type": "application/json"} | dict(job.headers)).items()
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


def _quantile(values: list[float], share: float) -> float:
    return 1000 * values[min(len(values) - 1, int(share * len(values)))] if values else 0.0


if __name__ == "__main__":
    print(json.dumps(asdict(uvloop.run(Load(Job(**json.load(sys.stdin))).run()))))
