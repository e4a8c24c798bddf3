"""`agentos serve --simulate`: everything works, nothing leaves the machine, nothing is kept."""

import json
import os
import subprocess
import sys
from pathlib import Path

import httpx

from agentos_runtime.testing.fake_credentials import stand_in
from tests.cli.console import PATIENCE
from tests.clients import NO_TLS
from tests.testing.support import CASES, READ, TELL, console, simulating

NO_NETWORK = """
import os, sys
def deaf(event, details):
    if event == "socket.connect" and isinstance(details[1], tuple):
        os._exit(77)
    if event == "socket.getaddrinfo" and details[0] not in ("127.0.0.1", None):
        os._exit(77)
sys.addaudithook(deaf)
from agentos_runtime.cli.main import main
main()
"""
DEAF = (sys.executable, "-c", NO_NETWORK)


def post(url: str, path: str, params: object) -> httpx.Response:
    with httpx.Client(trust_env=False, verify=NO_TLS, timeout=PATIENCE) as client:
        return client.post(f"{url}/api/skills/{path}", json=params, headers={"X-Agent": "tester"})


def test_calls_are_answered_without_a_key_and_without_touching_the_network(tmp_path: Path) -> None:
    made = console(tmp_path)
    with simulating(made, script=DEAF) as (url, ready):
        assert ready["simulated"] is True
        assert post(url, "notes/read", {"id": "a b", "lang": "de"}).json() == {"text": "Hallo"}
        assert post(url, "notes/write", {"text": "Hi", "tags": ["a"]}).json() == {"id": "n1"}
        refused = post(url, "notes/write", {"text": "too long"})
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "7")
        story = post(url, "notes/tell", {"about": "foxes", "stream": True}).text
        assert story.count("event: delta") == 2
        assert 'event: done\ndata: "Once upon"' in story


def test_without_simulate_the_same_call_would_go_to_the_network(tmp_path: Path) -> None:
    made = console(tmp_path)
    done = subprocess.run(
        [*DEAF, "call", "notes", "read", "id=a", "--local"],
        env=made.environ
        | {"NOTES_API_KEY": "k" * 20, "AGENTOS_REWRITE": "https://notes.example=http://127.0.0.1:9"},
        capture_output=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 77


def test_testing_does_not_touch_the_network_either(tmp_path: Path) -> None:
    made = console(tmp_path)
    done = subprocess.run([*DEAF, "test"], env=made.environ, capture_output=True, timeout=PATIENCE)
    assert (done.returncode, done.stdout.decode().endswith(f"{len(CASES)} passed, 0 failed\n")) == (0, True)


def test_params_that_no_case_has_get_the_likest_answer_and_an_unknown_call_says_what_there_is(
    tmp_path: Path,
) -> None:
    with simulating(console(tmp_path, {"read": READ, "tell": TELL})) as (url, _):
        assert post(url, "notes/read", {"id": "new"}).json() == {"text": "Hallo"}
        nothing = post(url, "notes/write", {"text": "Hi"})
        assert (nothing.status_code, nothing.json()["code"]) == (502, "upstream_unreachable")
        assert "no case answers POST https://notes.example/v1/notes" in nothing.json()["error"]
        assert "notes/read read, notes/tell tell" in nothing.json()["error"]
        assert stand_in("key") not in nothing.text


def test_params_are_still_checked_before_anything_is_answered(tmp_path: Path) -> None:
    with simulating(console(tmp_path)) as (url, _):
        assert post(url, "notes/read", {"ident": 1}).json()["code"] == "invalid_params"


def test_activity_goes_to_a_home_of_its_own_that_is_gone_afterwards(tmp_path: Path) -> None:
    made = console(tmp_path)
    with simulating(made) as (url, ready):
        elsewhere = Path(str(ready["home"]))
        post(url, "notes/read", {"id": "x"})
        rows = httpx.get(f"{url}/api/activity", trust_env=False).json()["rows"]
        assert [(row["agent"], row["outcome"]) for row in rows] == [("tester", "ok")]
        assert (elsewhere / "activity.db").is_file()
        assert not made.home.exists() or os.listdir(made.home) == []
    assert not elsewhere.exists()


def test_a_home_that_is_named_is_used_and_kept(tmp_path: Path) -> None:
    named = tmp_path / "named"
    with simulating(console(tmp_path), "--home", str(named)) as (url, ready):
        post(url, "notes/read", {"id": "x"})
        assert ready["home"] == str(named)
    assert (named / "activity.db").is_file()


def test_a_case_that_is_saved_counts_at_once(tmp_path: Path) -> None:
    made = console(tmp_path, {})
    with simulating(made) as (url, _):
        assert post(url, "notes/read", {"id": "x"}).status_code == 502
        made.write("notes/cases/read.yaml", READ)
        assert post(url, "notes/read", {"id": "x"}).json() == {"text": "Hallo"}
        made.write("notes/cases/read.yaml", READ.replace("Hallo}", "Guten Tag}"))
        assert post(url, "notes/read", {"id": "x"}).json() == {"text": "Guten Tag"}


def test_people_are_told_that_it_is_a_simulation_and_which_cases_are_left_out(tmp_path: Path) -> None:
    made = console(tmp_path, {"read": READ, "bad": "utility: 3"})
    with subprocess.Popen(
        [sys.executable, "-u", "-c", "from agentos_runtime.cli.main import main; main()", "serve",
         "--simulate", "--port", "0"],
        env=made.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(3)]
        process.terminate()
        _, err = process.communicate(timeout=PATIENCE)
    assert lines[2].startswith("Simulation: 1 case give")
    assert "bad.yaml:1:1" in err


def test_the_stand_in_of_a_key_never_comes_back_to_the_caller(tmp_path: Path) -> None:
    echoing = READ.replace("{body: {body: Hallo}}", f"{{body: {{body: you sent {stand_in('key')}}}}}")
    with simulating(console(tmp_path, {"read": echoing})) as (url, _):
        assert json.loads(post(url, "notes/read", {"id": "x"}).text) == {"text": "you sent [redacted]"}
