"""The console script: in this process, in one of its own, on a terminal, as a server."""

import contextlib
import io
import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agentos_runtime.cli.main import run
from tests.clients import wait_until_loaded
from tests.keeping import with_what_is_kept
from tests.programs import Program, ended

SCRIPT = (sys.executable, "-c", "from agentos_runtime.cli.main import main; main()")
PATIENCE = 240


@dataclass(frozen=True)
class Done:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass
class Console:
    """Runs `agentos` with a home and skills of its own, and without the environment of whoever runs the tests."""

    home: Path
    skills: Path
    environ: dict[str, str] = field(default_factory=dict)
    seen: list[str] = field(default_factory=list)
    """Everything that any command printed."""

    def __post_init__(self) -> None:
        kept = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE")}
        self.environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "LANG": "C.UTF-8",
            "AGENTOS_HOME": str(self.home),
            "AGENTOS_SKILLS": str(self.skills),
            "AGENTOS_ONLY_SKILLS": "true",
            "AGENTOS_PORT": "1",
            "AGENTOS_DRAIN": "0",
            **kept,
            **self.environ,
        }

    def as_installed(self) -> None:
        """Forget `skills`: what is served is what the home holds and what ships."""
        for name in ("AGENTOS_SKILLS", "AGENTOS_ONLY_SKILLS"):
            del self.environ[name]

    def as_used_before(self) -> None:
        """Processes with this home, which is made, need not read the skills again that any test has read."""
        with_what_is_kept(self.home)

    def write(self, name: str, text: str) -> Path:
        """A skill file among those that are served."""
        file = self.skills / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        return file

    def run(self, *args: object, stdin: str = "", **environ: str) -> Done:
        """Run to the end without a terminal, in this process: what a process of its own would do, sooner."""
        out, err, before = _pipe(), _pipe(), sys.stdin
        sys.stdin = _pipe(stdin)
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                code = run([*map(str, args)], self.environ | environ)
        finally:
            sys.stdin = before
        done = Done(code, _text(out), _text(err))
        self.seen += [done.out, done.err]
        return done

    def spawn(self, *args: object, **environ: str) -> Done:
        """Run to the end in a process of its own."""
        done = ended([*SCRIPT, *map(str, args)], PATIENCE, env=self.environ | environ)
        self.seen += [done.stdout.decode(), done.stderr.decode()]
        return Done(done.returncode, *self.seen[-2:])

    def on_terminal(self, *args: object, **environ: str) -> Done:
        """Run on a terminal of its own."""
        return self.asked({}, *args, **environ)

    def asked(self, answers: dict[str, str], *args: object, **environ: str) -> Done:
        """Run on a terminal of its own. Once a question of `answers` is the last thing there, its answer is typed.

        A question is told to its end, the space included: what is typed sooner can be shown, or lost.
        """
        assert all(question.endswith(" ") for question in answers), answers
        ours, its = pty.openpty()
        command, env = [*SCRIPT, *map(str, args)], self.environ | {"TERM": "xterm"} | environ
        with Program(command, env=env, stdin=its, stdout=its, stderr=its, start_new_session=True) as program:
            os.close(its)
            text = _converse(ours, dict(answers))
        self.seen.append(text)
        return Done(program.returncode, text, "")

    @contextlib.contextmanager
    def serving(self, **environ: str) -> Iterator[str]:
        """A server on a free port; commands in the block find it. Gives its address."""
        with started([*SCRIPT, "serve", "--port", "0", "--json"], env=self.environ | environ) as process:
            assert process.stdout is not None
            line = process.stdout.readline()
            before = self.environ["AGENTOS_PORT"]
            try:
                url: str = json.loads(line)["url"]
                wait_until_loaded(url)
                self.environ["AGENTOS_PORT"] = url.rpartition(":")[2]
                yield url
            finally:
                self.environ["AGENTOS_PORT"] = before
                process.send_signal(signal.SIGINT)
                out, err = process.communicate(timeout=PATIENCE)
                self.seen += [line, out, err]
        assert process.returncode == 0, err


@contextlib.contextmanager
def started(command: list[str], env: dict[str, str] | None = None) -> Iterator[subprocess.Popen[str]]:
    """A process that does not outlive the block, whatever happens in it."""
    pipe = subprocess.PIPE
    with Program(command, stdout=pipe, stderr=pipe, env=env, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def _pipe(text: str = "") -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(text.encode()), encoding="utf-8", newline="" if text else "\n")


def _text(pipe: io.TextIOWrapper) -> str:
    pipe.flush()
    buffer = pipe.buffer
    assert isinstance(buffer, io.BytesIO)
    return buffer.getvalue().decode()


def _converse(terminal: int, answers: dict[str, str]) -> str:
    """Everything the program printed; each answer is typed once its question stands there."""
    heard = b""
    deadline = time.monotonic() + PATIENCE
    with contextlib.closing(os.fdopen(terminal, "r+b", buffering=0)):
        while time.monotonic() < deadline and select.select([terminal], [], [], PATIENCE)[0]:
            try:
                data = os.read(terminal, 65536)
            except OSError:  # the other end is closed: how a pseudo-terminal ends on Linux
                break
            if not data:
                break
            heard += data
            for question in [each for each in answers if heard.endswith(each.encode())]:
                os.write(terminal, answers.pop(question).encode() + b"\r")
    assert not answers, f"never asked: {[*answers]}, but said: {heard.decode(errors='replace')}"
    return heard.decode("utf-8", "replace").replace("\r\n", "\n")
