"""A process that has loaded the package, and becomes any program of it that is asked for: see tests/programs.py."""

import atexit
import fcntl
import gc
import importlib
import json
import os
import pkgutil
import socket
import sys
import termios
import threading
import time
from typing import Any

import agentos_runtime
from agentos_runtime.regexes import regex

FILES = ("agentos_runtime.jq.worker", "agentos_runtime.executors.inside")
"""Run as files of their own, never imported."""


def serve(channel_number: int) -> None:
    """Make a process for each request, and run the program in it. Returns in none of them."""
    load()
    channel = socket.socket(fileno=channel_number)
    while True:
        text, given, _, _ = socket.recv_fds(channel, 1 << 20, 3)
        if not text:
            os._exit(0)
        if os.fork() == 0:
            # The one between ends at once: so the program becomes a child of the tests, which wait for its end.
            if program := os.fork():
                channel.send(str(program).encode())
                os._exit(0)
            channel.close()
            run(become(json.loads(text), given))
        os.wait()
        channel.send(b"it is yours")
        for number in given:
            os.close(number)


def load() -> None:
    for module in pkgutil.walk_packages(agentos_runtime.__path__, "agentos_runtime."):
        if not module.name.startswith(FILES) and not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    patterns = type(regex(""))
    for each in gc.get_objects():
        if type(each) is patterns:
            getattr(each, "match")  # noqa: B009 - compiles it, here and not in each of the programs
    gc.collect()
    gc.freeze()


def become(asked: dict[str, Any], given: list[int]) -> str:
    """Take over an environment, arguments and files, as a new interpreter would. Gives the code that it runs."""
    os.environ.clear()
    os.environ.update(asked["environ"])
    time.tzset()
    os.chdir(asked["folder"])
    for wanted, number in enumerate(given):
        os.dup2(number, wanted)
        os.close(number)
    if asked["session"]:
        os.setsid()
        if os.isatty(0):
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    sys.stdin, sys.stdout = stream(0, "r"), stream(1, "w")
    sys.stderr = stream(2, "w", errors="backslashreplace", buffering=1)
    kind, what, *arguments = asked["arguments"]
    sys.argv = [kind, *arguments]
    sys.path[0] = ""
    if kind == "-m":
        return f"import runpy; runpy.run_module({what!r}, run_name='__main__', alter_sys=True)"
    return str(what)


def stream(number: int, mode: str, *, errors: str = "surrogateescape", buffering: int = -1) -> Any:
    return open(number, mode, buffering, encoding="utf-8", errors=errors, closefd=False)


def run(code: str) -> None:
    """To the end, which leaves out only that every object is taken apart before the process goes."""
    try:
        exec(compile(code, "<string>", "exec"), {"__name__": "__main__"})
        status = 0
    except SystemExit as ended:
        if not isinstance(ended.code, int | None):
            raise
        status = ended.code or 0
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(status)
