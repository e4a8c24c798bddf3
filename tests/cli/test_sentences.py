"""What the system refuses is told in a sentence that says what to do, on every command."""

# ruff: noqa: E501  (a row of a table is one line)

import os
import subprocess
from pathlib import Path

import pytest

from tests.cli.console import SCRIPT, Console, Done
from tests.toy.raw import Behaviour, Exchange, Toy, answer, answer_json, cut, render, reset

READING = (
    ("list",), ("list", "--json"), ("show", "openrouter"), ("show", "openrouter", "chat", "--json"), ("keys", "list"),
    ("activity",), ("usage", "--json"), ("agents", "list"), ("completion", "bash"),
    ("call", "openrouter", "list_models", "--dry-run"),
)  # fmt: skip


@pytest.fixture
def console(tmp_path: Path) -> Console:
    made = Console(tmp_path / "home", tmp_path / "skills")
    made.as_installed()
    return made


TYPED = "k-0123456789abc\n"


def run(console: Console, *args: str) -> Done:
    """In this process: what the command says does not depend on the process that it is said in."""
    return console.run(*args, stdin=TYPED)


def in_shell(console: Console, *args: str, shell: str) -> Done:
    """In a process of its own, with what bash does to its descriptors or arguments."""
    console.as_used_before()
    done = subprocess.run(
        ["bash", "-c", f'"$@" {shell}', "bash", *SCRIPT, *args],
        env=console.environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        input=TYPED,
    )
    return Done(done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize("args", READING, ids=" ".join)
def test_a_full_output_device_is_told_on_stderr(console: Console, args: tuple[str, ...]) -> None:
    done = in_shell(console, *args, shell="> /dev/full")
    assert done.code == 1
    assert done.err.splitlines()[-1] == (
        "error: The output cannot be written: No space left on device. Free some room, or write it elsewhere."
    )
    assert "bug" not in done.err
    assert "Traceback" not in done.err
    assert "Exception ignored" not in done.err


def test_a_reader_that_goes_away_is_no_error_to_talk_about(console: Console) -> None:
    done = in_shell(console, "show", "openrouter", "--json", shell="| head -c 1")
    assert (done.out, done.err) == ("{", "")
    reading, writing = os.pipe()
    os.close(reading)
    gone = subprocess.run(
        [*SCRIPT, "keys", "list"],
        env=console.environ,
        stdout=writing,
        stderr=subprocess.PIPE,
        timeout=60,
        check=False,
    )
    os.close(writing)
    assert (gone.returncode, gone.stderr) == (1, b"")


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_descriptors_harm_nothing(console: Console, closed: str) -> None:
    done = in_shell(console, "list", shell=closed)
    assert "Traceback" not in done.err
    assert "bug" not in done.err
    assert done.code in (0, 1)


def test_what_is_typed_in_another_encoding_is_shown_escaped(console: Console) -> None:
    done = in_shell(console, shell="show $'a\\xff'")
    assert done.code == 1
    assert "\\udcff" in done.err
    console.environ |= {"PYTHONIOENCODING": "ascii"}
    assert in_shell(console, "show", "openrouter", shell="").code == 0


FILES = (
    "credentials.json",
    "agentos.lock",
    "agents.json",
    "config.toml",
    "limits.db",
    "activity.db",
    "idempotency.db",
)
USING = (
    ("list",),
    ("keys", "list"),
    ("keys", "set", "openrouter"),
    ("agents", "add", "me"),
    ("activity",),
    ("doctor",),
)


@pytest.mark.parametrize("name", FILES)
def test_a_folder_in_the_place_of_a_file_is_told_with_what_to_do(console: Console, name: str) -> None:
    (console.home / name).mkdir(parents=True, mode=0o700)
    console.home.chmod(0o700)
    for args in USING:
        done = run(console, *args)
        assert "bug of agentos" not in done.err, (name, args, done.err)
        assert "Traceback" not in done.err, (name, args)
        assert done.code in (0, 1, 2)
        if done.code and name in done.err:
            assert "folder" in done.err or "directory" in done.err.lower(), done.err


def test_a_home_that_is_a_file_is_told(console: Console) -> None:
    console.home.parent.mkdir(exist_ok=True)
    console.home.write_text("x")
    for args in USING:
        done = run(console, *args)
        assert done.code in (1, 2)
        assert str(console.home) in done.err
        assert "bug of agentos" not in done.err
        assert "Traceback" not in done.err


STRANGE: dict[str, Behaviour] = {
    "a page": answer(body=b"<html>\x1b[2J</html>", headers=(("Content-Type", "text/html"),)),
    "no JSON": answer(body=b"{", headers=(("Content-Type", "application/json"),)),
    "an error that is no JSON": answer(500, b"oops"),
    "nothing": answer(),
    "a cut": cut(render(body=b'{"a": 1}' * 100, headers=(("Content-Type", "application/json"),))),
    "a reset": reset(),
    "an event that is no JSON": answer(
        body=b"event: delta\ndata: {\n\n", headers=(("Content-Type", "text/event-stream"),)
    ),
    "a stream without an end": answer(
        body=b"event: delta\ndata: 1\n\n", headers=(("Content-Type", "text/event-stream"),)
    ),
}


@pytest.mark.parametrize("stream", [(), ("--stream",)], ids=["plain", "stream"])
@pytest.mark.parametrize("strange", STRANGE)
def test_a_server_that_does_not_answer_as_an_agentos_is_told(
    console: Console, strange: str, stream: tuple[str, ...]
) -> None:
    health = answer_json({"status": "ok", "version": "0", "skills": {}})

    def answers(exchange: Exchange) -> None:
        (health if exchange.request.target == "/api/health" else STRANGE[strange])(exchange)

    with Toy(answers) as toy:
        console.environ["AGENTOS_PORT"] = toy.origin.rpartition(":")[2]
        done = run(console, "call", "open-meteo", "forecast", *stream)
    assert done.code == 1
    assert "The server" in done.err
    assert "bug of agentos" not in done.err
    assert "Traceback" not in done.err
    assert "\x1b" not in done.out + done.err
