"""A program that starts from the template is what it would be from a new interpreter."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.jq.support import linux_only
from tests.programs import Program, ended

TOLD = """
import json, os, sys
own = os.getsid(0) == os.getpid()
json.dump([sys.argv, dict(os.environ), os.getcwd(), sys.stdin.read(), __name__, own], sys.stdout)
print("é", file=sys.stderr)
sys.exit(int(sys.argv[1]))
"""
pytestmark = linux_only


@pytest.mark.parametrize("session", [False, True])
def test_it_has_its_own_arguments_environment_folder_files_and_status(tmp_path: Path, session: bool) -> None:
    def told(start: Callable[..., "subprocess.Popen[bytes]"]) -> Any:
        pipe, command = subprocess.PIPE, [sys.executable, "-c", TOLD, "7", "two words"]
        environ = {"PATH": os.environ["PATH"], "A": "1 \udcff"}
        files = {"stdin": pipe, "stdout": pipe, "stderr": pipe}
        with start(command, env=environ, cwd=tmp_path, start_new_session=session, **files) as program:
            out, err = program.communicate(b"\xc3\xa9\xff")
        return program.returncode, json.loads(out), err

    forked, new = told(Program), told(subprocess.Popen)
    new[1][1].pop("LC_CTYPE", None)  # a new interpreter tells its children which characters it found
    assert forked == new
    assert forked[0] == 7


def test_it_is_a_child_that_can_be_killed_and_waited_for() -> None:
    with Program([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as program:
        assert program.poll() is None
        assert f"PPid:\t{os.getpid()}\n" in Path(f"/proc/{program.pid}/status").read_text()
        program.kill()
        assert program.wait(60) == -signal.SIGKILL


def test_an_error_ends_it_as_it_ends_an_interpreter() -> None:
    done = ended([sys.executable, "-c", "import atexit; atexit.register(print, 'end'); 1 / 0"], 60, text=True)
    assert (done.returncode, done.stdout) == (1, "end\n")
    assert done.stderr.endswith("ZeroDivisionError: division by zero\n")


@pytest.mark.parametrize("named", ["PYTHONUTF8", "LC_ALL", "LD_PRELOAD"])
def test_what_changes_how_an_interpreter_starts_gets_a_new_one(named: str) -> None:
    code = "import sys; print('agentos_runtime' in sys.modules)"
    kept = {"PATH": os.environ["PATH"]}
    told = [
        ended([sys.executable, "-c", code], 60, env=environ, text=True).stdout
        for environ in (kept, kept | {named: ""})
    ]
    assert told == ["True\n", "False\n"]
