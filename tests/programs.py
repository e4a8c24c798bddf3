"""Programs of the package that start without a new interpreter.

Most of a start is loading the package. So one process of each process of tests has loaded it, and forks for every
program that is asked for: the program is a process like any other, and a child of the tests. What a new interpreter
would do differently by its environment is left to a new interpreter.
"""

import atexit
import ctypes
import functools
import inspect
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from typing import Any, AnyStr

CODE = "from tests.template import serve; serve({})"
SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER of prctl(2)
UNLIKE = ("COVERAGE", "LC_", "LD_", "MALLOC", "PYTHON")
"""What begins an environment variable that changes how the interpreter, or the program loader, starts."""
SIGNATURE = inspect.signature(subprocess.Popen._execute_child)  # type: ignore[attr-defined]
_turn = threading.Lock()


class Program(subprocess.Popen[AnyStr]):
    """Like Popen, for `[sys.executable, "-c" or "-m", …]`; in a session of its own, a terminal is its terminal."""

    def _execute_child(self, *arguments: Any) -> None:
        """What makes the process, after Popen's preparations: a private method, the same since Python 3.11."""
        told = SIGNATURE.bind(self, *arguments).arguments
        environ = os.environ if told["env"] is None else told["env"]
        if not fits(told, environ):
            super()._execute_child(*arguments)  # type: ignore[misc]
            return
        request = {
            "arguments": [str(each) for each in told["args"][1:]],
            "environ": {os.fsdecode(name): os.fsdecode(value) for name, value in environ.items()},
            "folder": os.fsdecode(told["cwd"] or os.getcwd()),
            "session": told["start_new_session"],
        }
        given = [told["p2cread"], told["c2pwrite"], told["errwrite"]]
        files = [own if number < 0 else number for own, number in enumerate(given)]
        self.pid = forked(json.dumps(request).encode(), files)
        self._child_created = True
        self._close_pipe_fds(  # type: ignore[attr-defined]
            *(told[name] for name in ("p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite"))
        )


def ended(command: list[str], timeout: float, **options: Any) -> subprocess.CompletedProcess[Any]:
    """Like `subprocess.run` with what it said."""
    with Program(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options) as program:
        try:
            out, err = program.communicate(timeout=timeout)
        finally:
            program.kill()
    return subprocess.CompletedProcess(command, program.returncode, out, err)


def fits(told: Mapping[str, Any], environ: Mapping[Any, Any]) -> bool:
    """Whether a fork of the template is what a new interpreter would be."""
    command = told["args"]
    return (
        sys.platform == "linux"
        and command[0] == sys.executable
        and command[1] in ("-c", "-m")
        and not any(told[name] for name in ("shell", "preexec_fn", "pass_fds"))
        and not any(os.fsdecode(name).startswith(UNLIKE) for name in environ)
        and environ.get("LANG", "C.UTF-8") == "C.UTF-8"
    )


def forked(request: bytes, files: list[int]) -> int:
    """The id of a process that runs what is asked for: a child of this one, as `fork` would have made it."""
    with _turn:
        channel = template()
        control = ctypes.CDLL(None).prctl
        # whoever is left without a parent becomes a child of the nearest subreaper: just for this moment
        control(SUBREAPER, 1, 0, 0, 0)
        try:
            socket.send_fds(channel, [request], files)
            program = int(channel.recv(32))
            assert channel.recv(32)
        finally:
            control(SUBREAPER, 0, 0, 0, 0)
        return program


@functools.cache
def template() -> socket.socket:
    """The way to the process that forks; it ends with this one."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(UNLIKE)}
    process = subprocess.Popen(
        [sys.executable, "-c", CODE.format(theirs.fileno())],
        env={**kept, "LANG": "C.UTF-8"},
        cwd=os.path.dirname(os.path.dirname(os.path.abspath(__file__))),
        pass_fds=[theirs.fileno()],
        stdin=subprocess.DEVNULL,
    )
    theirs.close()

    def end() -> None:
        ours.close()
        process.wait()

    atexit.register(end)
    return ours
