"""Cases of calls that make several requests: pages, and jobs that are looked at until they are done."""

# ruff: noqa: E501  (a row of a table is one line)
import json
from pathlib import Path

import httpx
import pytest

from tests.cli.console import PATIENCE, Console, Done
from tests.clients import NO_TLS
from tests.testing.support import simulating

FILMS = """\
---
id: films
name: Films
description: Films are made
api: {base_url: https://films.example}
utilities:
  make:
    description: Make a film
    params: {prompt: {type: string, required: true}}
    returns: {urls: array}
    rest:
      method: POST
      url: /films
      body: {prompt: .params.prompt}
      response: {transform: '{urls}'}
      poll: {url: .look, until: '.state == "done"', interval: INTERVAL, deadline: 600}
  list:
    description: List films
    returns: array
    rest:
      url: /films
      paginate: {style: cursor, limit: limit, items: /data, next: .next}
      response: {root: /data}
---
"""
MAKE = """\
description: A film is done at the second look
utility: make
params: {prompt: fox}
exchanges:
  - request: {method: POST, url: "https://films.example/films", body: {prompt: fox}}
    response: {status: 202, body: {look: "https://films.example/films/f1", state: queued}}
  - request: {method: GET, url: "https://films.example/films/f1"}
    response: {body: {state: running}}
  - request: {method: GET, url: "https://films.example/films/f1"}
    response: {body: {state: done, urls: [u]}}
reply: {urls: [u]}
"""
LIST = """\
description: Two pages
utility: list
params: {all: true}
live: true
exchanges:
  - request: {method: GET, url: "https://films.example/films?limit=100"}
    response: {body: {data: [{id: a}], next: n2}}
  - request: {method: GET, url: "https://films.example/films?limit=100&cursor=n2"}
    response: {body: {data: [{id: b}]}}
reply: [{id: a}, {id: b}]
"""


def console(folder: Path, cases: dict[str, str], interval: str = "30") -> Console:
    made = Console(folder / "home", folder / "skills")
    made.write("films/readme.md", FILMS.replace("INTERVAL", interval))
    for name, text in cases.items():
        made.write(f"films/cases/{name}.yaml", text)
    return made


def differing(done: Done) -> list[tuple[str, int | None]]:
    return [(each["path"], each.get("line")) for case in done.json["cases"] for each in case["differences"]]


def test_pages_and_jobs_are_one_case_each_and_nobody_waits_for_them(tmp_path: Path) -> None:
    done = console(tmp_path, {"make": MAKE, "list": LIST}).run("test")
    assert (done.code, done.out.splitlines()[-1]) == (0, "2 passed, 0 failed")


WRONG = {
    "another body": (MAKE.replace("body: {prompt: fox}}", "body: {prompt: cat}}"), ("exchanges[0].request.body.prompt", 5)),
    "another url": (LIST.replace("cursor=n2", "cursor=n3"), ("exchanges[1].request.query.cursor", 8)),
    "another method": (MAKE.replace("method: GET", "method: HEAD", 1), ("exchanges[1].request.method", 7)),
    "one too many": (
        MAKE.replace("state: running", "state: done, urls: [u]"),
        ("exchanges[2].request", 9),
    ),
    "one too few": (LIST.replace("{id: b}]}}", "{id: b}], next: n3}}"), ("exchanges[2]", 8)),
}  # fmt: skip


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_missing_or_further_request_is_named_with_its_index_and_line(tmp_path: Path, wrong: str) -> None:
    case, expected = WRONG[wrong]
    made = console(tmp_path, {"one": case})
    done = made.run("test", "--json")
    assert done.code == 1
    assert expected in differing(done)
    assert f"{expected[0]}  line {expected[1]}" in made.run("test").out


def test_a_job_whose_case_ends_too_early_ends_too(tmp_path: Path) -> None:
    done = console(tmp_path, {"one": MAKE.replace("state: done, urls: [u]", "state: running")}).run(
        "test", "--json"
    )
    found = differing(done)
    assert (done.code, found[0]) == (1, ("exchanges[3]", 9))


def test_the_simulated_service_answers_exchange_after_exchange_and_then_anew(tmp_path: Path) -> None:
    made = console(tmp_path, {"make": MAKE, "list": LIST}, interval="0.01")
    with simulating(made) as (url, _), httpx.Client(trust_env=False, verify=NO_TLS, timeout=PATIENCE) as client:
        for _ in range(2):
            film = client.post(f"{url}/api/skills/films/make", json={"prompt": "fox"}, headers={"X-Agent": "t"})
            assert film.json() == {"urls": ["u"]}
            accepted = client.post(
                f"{url}/api/skills/films/make", json={"prompt": "fox", "wait": False}, headers={"X-Agent": "t"}
            )
            assert accepted.json()["state"] == "queued"
        films = client.post(f"{url}/api/skills/films/list", json={"all": True}, headers={"X-Agent": "t"})
        assert films.json() == [{"id": "a"}, {"id": "b"}]


MISTAKES = {
    "a request beside them": (MAKE + "request: {method: GET, url: 'https://a.example'}\n", 12, "`request` does not stand beside"),
    "none": ("description: x\nutility: make\nparams: {prompt: a}\nexchanges: []\nreply: null\n", 4, "`exchanges` is empty"),
    "one without a response": (LIST.replace("    response: {body: {data: [{id: b}]}}\n", ""), 8, "`exchanges[1]` needs `response`"),
    "a relative url": (LIST.replace("https://films.example/films?limit=100&", "/films?"), 8, "`url` must be a whole address"),
    "a misspelt key": (LIST.replace("  - request: {method: GET, url: \"https://films.example/films?limit=100\"}", "  - reqest: {}"), 6, "`reqest` is not a key of"),
    "two bodies": (LIST.replace("{body: {data: [{id: b}]}}", "{body: 1, text: a}"), 9, "`text` does not stand beside `body`"),
    "live though it writes": (MAKE + "live: true\n", 12, "a live case is called for real, and `make` writes"),
    "live is no boolean": (LIST.replace("live: true", "live: yes"), 4, "`live` must be true or false"),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_what_is_wrong_with_exchanges_stands_at_its_line_with_a_fix(tmp_path: Path, mistake: str) -> None:
    case, line, message = MISTAKES[mistake]
    done = console(tmp_path, {"one": case}).run("check", "--json")
    found = [each for file in done.json["files"] for each in file["problems"]]
    assert [(p["line"], p["message"].startswith(message), bool(p["fix"])) for p in found] == [(line, True, True)], (
        json.dumps(found, indent=1)
    )
