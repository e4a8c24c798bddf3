"""Cases in which a token is had or renewed, and calls that fail before anything is sent."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.cli.console import PATIENCE, Console
from tests.testing.support import simulating

NOTES = """\
---
id: notes
name: Notes
description: Notes behind tokens
auth:
  credentials:
    default:
      type: oauth
      authorize_url: https://notes.example/auth
      token_url: https://notes.example/token
      client_id: me
    program: {type: oauth, grant: client_credentials, token_url: https://notes.example/oauth, scopes: [read]}
utilities:
  mine:
    description: My notes
    params: {shape: {type: string}}
    rest:
      url: https://notes.example/mine
      query: {shape: .params.shape}
      refuse: 'if .params.shape == "round" then "no note is round" else null end'
  all:
    description: All notes
    credential: program
    rest: {url: https://notes.example/all}
  slow:
    description: A job
    rest:
      method: POST
      url: https://notes.example/jobs
      poll: {url: '"https://notes.example/jobs/1"', until: .done, interval: 0.01}
---
"""
RENEWED = """\
description: The token had ended
utility: mine
exchanges:
  - request: {method: GET, url: "https://notes.example/mine"}
    response: {status: 401, body: {message: expired}}
  - request:
      method: POST
      url: https://notes.example/token
      body: "grant_type=refresh_token&refresh_token={refresh_token}&client_id=me"
    response: {body: {access_token: any, refresh_token: any, expires_in: 3600}}
  - request: {method: GET, url: "https://notes.example/mine"}
    response: {body: [1]}
reply: [1]
"""
ENDED = """\
description: The login has ended
utility: mine
exchanges:
  - request: {method: POST, url: "https://notes.example/token"}
    response: {status: 400, body: {error: invalid_grant}}
error: {code: credential_not_found, status: 424}
"""
HAD = """\
description: The first call asks for a token
utility: all
exchanges:
  - request: {method: POST, url: "https://notes.example/oauth", body: "grant_type=client_credentials&scope=read"}
    response: {body: {access_token: any, expires_in: 3600}}
  - request: {method: GET, url: "https://notes.example/all"}
    response: {body: [2]}
reply: [2]
"""
REFUSED_CLIENT = """\
description: The client is not known
utility: all
exchanges:
  - request: {method: POST, url: "https://notes.example/oauth"}
    response: {status: 401, body: {error: invalid_client}}
error: {code: credential_rejected}
"""
PLAIN = """\
description: A token is there
utility: all
request: {method: GET, url: "https://notes.example/all"}
response: {body: [3]}
reply: [3]
"""
STOPPED = """\
description: Nothing is sent
utility: mine
params: {shape: round}
exchanges: []
error: {code: invalid_params, status: 400, error: no note is round}
"""
SLOW = """\
description: Done at the third look
utility: slow
exchanges:
  - request: {method: POST, url: "https://notes.example/jobs"}
    response: {status: 202, body: {}}
  - request: {method: GET, url: "https://notes.example/jobs/1"}
    response: {body: {done: false}}
  - request: {method: GET, url: "https://notes.example/jobs/1"}
    response: {body: {done: false}}
  - request: {method: GET, url: "https://notes.example/jobs/1"}
    response: {body: {done: true, looks: 3}}
reply: {done: true, looks: 3}
"""
CASES = {
    "renewed": RENEWED,
    "ended": ENDED,
    "had": HAD,
    "refused": REFUSED_CLIENT,
    "plain": PLAIN,
    "stopped": STOPPED,
    "slow": SLOW,
}


def notes(folder: Path, **cases: str) -> Console:
    made = Console(folder / "home", folder / "skills")
    made.write("notes/readme.md", NOTES)
    for name, text in cases.items():
        made.write(f"notes/cases/{name}.yaml", text)
    return made


def test_tokens_are_had_renewed_and_refused_in_cases_and_what_is_stopped_sends_nothing(tmp_path: Path) -> None:
    console = notes(tmp_path, **CASES)
    assert console.run("check", str(tmp_path / "skills"), "--strict").code == 0
    done = console.run("test", "--json")
    wrong = {case["case"]: case["differences"] for case in done.json["cases"] if not case["passed"]}
    assert wrong == {}
    assert done.json["passed"] == len(CASES)


@pytest.mark.parametrize(
    ("name", "old", "new", "path"),
    [
        ("renewed", "client_id=me", "client_id=you", "exchanges[1].request.body"),
        ("had", "scope=read", "scope=write", "exchanges[0].request.body"),
        ("renewed", "status: 401", "status: 403", "exchanges[1].request"),
        ("stopped", "shape: round", "shape: flat", "exchanges[0]"),
    ],
)
def test_a_token_request_that_differs_is_named(tmp_path: Path, name: str, old: str, new: str, path: str) -> None:
    done = notes(tmp_path, one=CASES[name].replace(old, new)).run("test", "--json")
    assert path in [each["path"] for case in done.json["cases"] for each in case["differences"]], done.out


def test_no_exchange_at_all_is_for_calls_that_fail_before(tmp_path: Path) -> None:
    text = STOPPED[: STOPPED.index("error:")] + "reply: null\n"
    done = notes(tmp_path, one=text).run("check", str(tmp_path / "skills"), "--json")
    (found,) = [each for file in done.json["files"] for each in file["problems"]]
    assert (found["line"], found["message"]) == (4, "`exchanges` is empty")


def test_a_call_with_a_token_that_another_one_had_comes_after_that_in_the_case(tmp_path: Path) -> None:
    console = notes(tmp_path, renewed=CASES["renewed"])
    with simulating(console) as (url, _), httpx.Client(trust_env=False, timeout=PATIENCE) as client:
        found = [client.post(f"{url}/api/skills/notes/mine", json={}).json() for _ in range(3)]
    assert found == [[1], [1], [1]]


def test_calls_at_once_have_each_their_own_place_in_a_simulated_case(tmp_path: Path) -> None:
    console = notes(tmp_path, **{name: CASES[name] for name in ("slow", "had", "renewed")})
    with simulating(console) as (url, _), httpx.Client(trust_env=False, timeout=PATIENCE) as client:

        def call(utility: str) -> str:
            response = client.post(f"{url}/api/skills/notes/{utility}", json={}, headers={"X-Agent": "t"})
            return json.dumps(response.json())

        with ThreadPoolExecutor(8) as pool:
            found = {utility: set(pool.map(call, [utility] * 8)) for utility in ("slow", "all", "mine")}
    assert found == {"slow": {'{"done": true, "looks": 3}'}, "all": {"[2]"}, "mine": {"[1]"}}
