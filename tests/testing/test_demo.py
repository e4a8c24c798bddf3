"""`agentos demo`: the whole tour as a newcomer sees it, in a process of its own."""

import json
import re
import signal
import subprocess
from pathlib import Path

import pytest

from agentos_runtime.cli.demo.command import laid_out
from agentos_runtime.jsontext import Json
from agentos_runtime.skills import registry
from agentos_runtime.testing.fake_credentials import stand_in
from tests.cli.console import PATIENCE, SCRIPT, Console, Done
from tests.programs import Program

STEPS = ["A question", "A tool call", "The tool's result", "A stream", "An error"]


@pytest.fixture(scope="module")
def newcomer(tmp_path_factory: pytest.TempPathFactory) -> Console:
    folder = tmp_path_factory.mktemp("newcomer")
    (folder / "tmp").mkdir()
    made = Console(folder / "home", folder / "skills", {"TMPDIR": str(folder / "tmp")})
    made.as_installed()
    for name in ("AGENTOS_HOME", "AGENTOS_PORT"):
        del made.environ[name]
    return made


@pytest.fixture(scope="module")
def piped(newcomer: Console) -> Done:
    return newcomer.spawn("demo")


@pytest.mark.slow
def test_it_shows_every_step_and_ends_with_what_to_do_next(piped: Done) -> None:
    assert (piped.code, piped.err) == (0, "")
    places = [piped.out.index(f"{number}. {title}") for number, title in enumerate(STEPS, 1)]
    assert places == sorted(places)
    assert piped.out.count("went upstream") == piped.out.count("came back") == len(STEPS)
    assert "agentos init openrouter" in piped.out.rpartition("\nNext\n")[2]


@pytest.mark.slow
def test_the_key_is_put_on_by_the_runtime_and_shown_masked(piped: Done) -> None:
    assert piped.out.count("authorization: Bearer ********") == len(STEPS)
    assert stand_in("key") not in piped.out


@pytest.mark.slow
def test_it_is_plain_where_no_terminal_is_and_coloured_on_one(newcomer: Console, piped: Done) -> None:
    assert "\x1b" not in piped.out
    assert "\x1b[" in newcomer.on_terminal("demo").out
    assert "\x1b" not in newcomer.on_terminal("demo", NO_COLOR="1").out


@pytest.mark.slow
def test_it_leaves_nothing_behind(newcomer: Console, piped: Done) -> None:
    assert list(Path(newcomer.environ["TMPDIR"]).iterdir()) == []
    assert not newcomer.home.exists() or list(newcomer.home.rglob("*")) == []


@pytest.mark.slow
def test_as_json_it_tells_the_same_steps_to_programs(newcomer: Console) -> None:
    done = newcomer.spawn("demo", "--json")
    assert done.code == 0
    told = done.json
    assert [step["title"] for step in told["steps"]] == STEPS
    question, call, result, stream, error = told["steps"]
    assert question["upstream"]["request"]["headers"]["authorization"] == "Bearer ********"
    assert question["reply"]["body"]["content"] == "Sunflower seeds, mostly."
    assert call["reply"]["body"]["tool_calls"][0]["input"] == {"city": "Oslo"}
    assert result["asked"]["body"]["messages"][2]["role"] == "tool"
    assert [event["event"] for event in stream["reply"]["events"]].count("done") == 1
    assert stream["reply"]["events"][-1]["data"]["content"] == "One, two, three."
    assert (error["upstream"]["response"]["status"], error["reply"]["status"]) == (200, 429)
    assert [row["outcome"] for row in told["activity"]] == ["ok", "ok", "ok", "ok", "error"]


@pytest.mark.slow
def test_interrupted_it_stops_at_once_and_cleans_up(newcomer: Console) -> None:
    with Program(
        [*SCRIPT, "demo"], env=newcomer.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        while "1. A question" not in process.stdout.readline():
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, err) == (130, "")
    assert "Next" not in out
    assert list(Path(newcomer.environ["TMPDIR"]).iterdir()) == []


@pytest.mark.slow
def test_a_disk_that_is_slow_only_takes_longer(newcomer: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "PATIENCE", 0.0)
    done = newcomer.run("demo", "--json")
    assert (done.code, done.err) == (0, "")
    assert [step["title"] for step in done.json["steps"]] == STEPS


def test_what_is_shown_as_curl_is_the_very_call(newcomer: Console, piped: Done) -> None:
    shown = re.findall(r"-d '(.*?)'\n\n", piped.out, re.DOTALL)
    assert len(shown) == len(STEPS)
    assert [json.loads(text)["model"] for text in shown] == ["toy/parrot-1"] * 4 + ["toy/parrot-1:free"]


def test_json_is_broken_into_lines_only_where_it_does_not_fit() -> None:
    small: Json = {"a": [1, {"b": None}]}
    large: Json = {"list": [{"name": "x" * 60, "other": "y" * 60}, small], "empty": {}}
    assert laid_out(small) == ['{"a": [1, {"b": null}]}']
    lines = laid_out(large)
    assert max(map(len, lines)) <= 80
    assert json.loads("\n".join(lines)) == large
