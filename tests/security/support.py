"""A server in a process of its own, as its operator starts it; it can be killed, starved and watched."""

import contextlib
import json
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Self

import httpx

from benchmarks.procfs import tree
from tests.cli.console import SCRIPT
from tests.clients import NO_TLS, wait_until_loaded
from tests.programs import Program


def until(true: Callable[[], bool], seconds: float = 60) -> bool:
    """Whether it becomes true; the bound is far above what any machine needs."""
    deadline, pause = time.monotonic() + seconds, 0.01
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(pause)
        pause = min(pause * 1.5, 0.1)
    return True


@dataclass
class Served:
    """`agentos serve` under way. `log` is everything that it printed."""

    process: "subprocess.Popen[bytes]"
    home: Path
    url: str = ""
    log: bytearray = field(default_factory=bytearray)
    readers: list[threading.Thread] = field(default_factory=list)

    def start(self) -> Self:
        """Wait until it is ready, and read all it says from then on."""
        out, err = self.process.stdout, self.process.stderr
        assert out is not None
        assert err is not None
        line = out.readline()
        self.log += line
        for pipe in (out, err):
            self.readers.append(threading.Thread(target=self._read, args=(pipe,)))
            self.readers[-1].start()
        if not line:
            self.process.wait(20)
            self.readers[-1].join()
            raise AssertionError(f"the server did not start: {self.log.decode()}")
        self.url = json.loads(line)["url"]
        return self

    @property
    def workers(self) -> list[int]:
        """The processes in which expressions run."""
        return tree(self.process.pid)[1:]

    def client(self) -> httpx.Client:
        return httpx.Client(
            base_url=self.url, timeout=30, trust_env=False, verify=NO_TLS, headers={"X-Agent": "tester"}
        )

    def _read(self, pipe: IO[bytes]) -> None:
        with pipe:
            self.log += pipe.read()

    def kill(self) -> None:
        """kill -9, as a crash would."""
        self.process.kill()
        self.process.wait()

    def end(self) -> None:
        """Kill it with all its workers, whatever it is doing."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        for reader in self.readers:
            reader.join()
        for pipe in (self.process.stdout, self.process.stderr):
            if pipe is not None:
                pipe.close()

    def stop(self) -> int:
        """End it as its operator would; gives the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)


@contextlib.contextmanager
def serving(
    folder: Path,
    *,
    skills: Path,
    rewrite: Mapping[str, str] | None = None,
    environ: Mapping[str, str] | None = None,
    script: Sequence[str] = SCRIPT,
    loaded: bool = True,
) -> Iterator[Served]:
    """A server with its home at `<folder>/home`, and all its skills. It does not outlive the block."""
    served = spawned(folder, skills=skills, rewrite=rewrite, environ=environ, script=script)
    try:
        served.start()
        if loaded:
            wait_until_loaded(served.url)
        yield served
    finally:
        served.end()


def spawned(
    folder: Path,
    *,
    skills: Path,
    rewrite: Mapping[str, str] | None = None,
    environ: Mapping[str, str] | None = None,
    script: Sequence[str] = SCRIPT,
    start: type["subprocess.Popen[bytes]"] = Program,
) -> Served:
    """The same, on its way to its start; to be ended by its caller."""
    home = folder / "home"
    kept = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE")}
    given = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "AGENTOS_HOME": str(home),
        "AGENTOS_SKILLS": str(skills),
        "AGENTOS_ONLY_SKILLS": "true",
        "AGENTOS_REWRITE": ",".join(f"{origin}={target}" for origin, target in (rewrite or {}).items()),
        **kept,
        **(environ or {}),
    }
    process = start(
        [*script, "serve", "--port", "0", "--json"],
        env=given,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    return Served(process, home)


def rows_of(client: httpx.Client) -> dict[str, dict[str, Any]]:
    """All rows of the ledger by their request's id; a request with two rows fails."""
    found: dict[str, dict[str, Any]] = {}
    cursor: str | None = ""
    while cursor is not None:
        page = client.get("/api/activity", params={"limit": "500"} | ({"cursor": cursor} if cursor else {})).json()
        cursor = page["next_cursor"]
        for row in page["rows"]:
            assert row["request_id"] not in found
            found[row["request_id"]] = row
    return found


def environment_number(name: str, default: int) -> int:
    """How often: more where somebody has the time (`AGENTOS_TEST_KILLS=200`)."""
    text = os.environ.get(name, "")
    return int(text) if re.fullmatch(r"[0-9]+", text) else default
