"""One running server: started as its operator would, asked until it answers, measured from outside, ended."""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from types import TracebackType
from typing import Self

from benchmarks.candidates import CHAT, ROOT, Candidate, asked
from benchmarks.driver import Job, Result
from benchmarks.procfs import cpu_seconds, pss_mb
from benchmarks.replies import ANSWER


class BenchError(Exception):
    """A server did not start, or answered wrongly: the figures would mean nothing."""


class Server:
    """A candidate, running; `upstream` is the port that it calls (its own for the toy upstream)."""

    def __init__(self, candidate: Candidate, upstream: int | None = None, home: Path | None = None) -> None:
        self.candidate = candidate
        self.port = _free_port()
        self.upstream = upstream or self.port
        self.start_ms = self.health_ms = 0.0
        self.start_cpu = 0.0
        self._home = home

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True)
        home = self.home
        for name, text in self.candidate.files.items():
            (home / name).parent.mkdir(parents=True, exist_ok=True)
            (home / name).write_text(self._fill(text))
        environ = {"PATH": os.environ["PATH"], "HOME": str(home)}
        environ |= {name: self._fill(value) for name, value in self.candidate.environ.items()}
        self._log = (home / "server.log").open("w+")
        self._started = time.perf_counter()
        self._process = subprocess.Popen(
            [self._fill(word) for word in self.candidate.command],
            cwd=home,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )
        try:
            self._await_answer()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        self.start_ms, self.start_cpu = self._since_start(), self.cpu_seconds
        return self

    def _since_start(self) -> float:
        return 1000 * (time.perf_counter() - self._started)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()
        self._folder.cleanup()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def home(self) -> Path:
        """The folder that it was given, or one that was empty when it started."""
        return self._home or Path(self._folder.name)

    @property
    def cpu_seconds(self) -> float:
        return cpu_seconds(self._process.pid)

    @property
    def pss_mb(self) -> float:
        return pss_mb(self._process.pid)

    def start_load(self, job: Job) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "benchmarks.driver"]
        pipe = subprocess.PIPE
        driver = subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
        assert driver.stdin
        json.dump(asdict(job), driver.stdin)
        driver.stdin.close()
        driver.stdin = None
        return driver

    def finish_load(self, driver: subprocess.Popen[str]) -> Result:
        out, err = driver.communicate()
        if driver.returncode:
            raise BenchError(f"{self.candidate.name}: {err.strip().splitlines()[-1]}")
        return Result(**json.loads(out))

    def load(self, job: Job) -> tuple[Result, float]:
        """Run the job against this server: its result, and the seconds of CPU that the server used for it."""
        before = self.cpu_seconds
        result = self.finish_load(self.start_load(job))
        return result, self.cpu_seconds - before

    def job(
        self, connections: int, *, seconds: float = 0, requests: int = 0, chunks: int = 0, rate: float = 0
    ) -> Job:
        """Ask for the chat of all measurements, plain or (`chunks`) streamed."""
        chat = CHAT | {"model": self.candidate.model}
        return Job(
            port=self.port,
            path=self.candidate.path,
            headers={name: self._fill(value) for name, value in self.candidate.headers.items()},
            body=json.dumps(asked(self.candidate.tool, chat | ({"stream": True} if chunks else {}))),
            connections=connections,
            seconds=seconds,
            requests=requests,
            rate=rate,
            chunks=chunks,
            end=self.candidate.end,
        )

    def pace_streams(self, chunks: int, interval_ms: int) -> None:
        """How the toy upstream behind this server streams from now on."""
        self._tell_upstream(f"chunks={chunks}&interval_ms={interval_ms}")

    def size_answers(self, words: int) -> None:
        """How long plain answers of the toy upstream are from now on."""
        self._tell_upstream(f"words={words}")

    def _tell_upstream(self, mode: str) -> None:
        connection = HTTPConnection("127.0.0.1", self.upstream, timeout=10)
        connection.request("GET", f"/mode?{mode}")
        connection.getresponse().read()
        connection.close()

    def _await_answer(self) -> None:
        deadline = time.monotonic() + 120
        while not (self._is_healthy() and self._answers()):
            if self._process.poll() is not None or time.monotonic() > deadline:
                self._log.seek(0)
                raise BenchError(f"{self.candidate.name} does not start:\n{self._log.read()[-3000:]}")
            time.sleep(0.002)

    def _is_healthy(self) -> bool:
        """Whether it says so, if it has a word for that; the first time is noted."""
        if not self.health_ms and self.candidate.health:
            connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
            try:
                connection.request("GET", self.candidate.health)
                if connection.getresponse().status != 200:
                    return False
            except (OSError, HTTPException):
                return False
            finally:
                connection.close()
            self.health_ms = self._since_start()
        return True

    def _answers(self) -> bool:
        job = self.job(1)
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("POST", job.path, job.body, {"content-type": "application/json", **job.headers})
            return ANSWER in connection.getresponse().read()
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()

    def _fill(self, text: str) -> str:
        known = {"port": self.port, "upstream": self.upstream}
        for name, value in known.items():
            text = text.replace(f"{{{name}}}", str(value))
        return text.replace("{home}", str(self.home))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
