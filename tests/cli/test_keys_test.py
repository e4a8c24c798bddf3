"""`agentos keys test`: the call that a skill names shows whether its key works."""

import pytest

from tests.cli.console import Console
from tests.cli.skills import CANARY
from tests.manifest.loading import texts
from tests.toy.raw import Toy, answer_json

SKILL = """---
id: probed
name: Probed
description: A service whose keys can be tested
auth:
  credentials:
    default: {type: api_key, header: X-Key, probe: me}
    other: {type: api_key, header: X-Other}
utilities:
  me:
    description: Whose key it is
    params: {verbose: {type: boolean}}
    rest: {url: https://probed.example/me, query: {verbose: .params.verbose}}
  list:
    description: What there is
    credential: other
    rest: {url: https://probed.example/list}
---
"""


@pytest.fixture
def probed(console: Console) -> Console:
    console.write("probed.md", SKILL)
    assert console.run("keys", "set", "probed", stdin=f"{CANARY}\n").code == 0
    return console


def rewritten(toy: Toy) -> dict[str, str]:
    return {"AGENTOS_REWRITE": f"https://probed.example={toy.origin}"}


def test_a_key_that_works_is_called_so_after_one_call_that_carries_it(probed: Console) -> None:
    with Toy(answer_json({"name": "Ann"})) as toy:
        done = probed.run("keys", "test", "probed", "--credential", "default", **rewritten(toy))
        assert (done.code, done.out) == (0, "probed: works (me answered)\n")
        (received,) = toy.requests
        assert (received.method, received.target, received.header("x-key")) == ("GET", "/me", CANARY)
    (row,) = probed.run("activity", "--json").json["rows"]
    assert (row["skill"], row["utility"], row["outcome"]) == ("probed", "me", "ok")


def test_a_key_that_is_refused_is_said_to_be_with_what_to_do(probed: Console) -> None:
    with Toy(answer_json({"error": {"message": f"no such key {CANARY}"}}, 401)) as toy:
        done = probed.run("keys", "test", "probed", "--credential", "default", **rewritten(toy))
        assert (done.code, done.out) == (1, "")
        assert done.err.startswith("probed: does not work: Probed rejected")
        assert "agentos keys set probed" in done.err
        assert CANARY not in done.err
        shown = probed.run("keys", "test", "probed", "--json", **rewritten(toy)).json["keys"]
    assert [(each["credential"], each["utility"], each["works"], each["code"]) for each in shown] == [
        ("default", "me", False, "credential_rejected"),
        ("other", None, False, None),
    ]


def test_a_key_without_a_probe_or_a_skill_without_keys_is_said_so(probed: Console) -> None:
    done = probed.run("keys", "test", "probed", "--credential", "other")
    assert (done.code, done.out) == (1, "")
    assert "probed (other): cannot be tested: the skill names no probe. Add `probe: …`" in done.err
    unknown = probed.run("keys", "test", "probed", "--credential", "third")
    assert (unknown.code, "probed has no credential named third" in unknown.err) == (1, True)
    missing = probed.run("keys", "test", "nothing")
    assert (missing.code, "There is no skill" in missing.err) == (1, True)


def test_a_key_that_is_not_there_makes_no_call(console: Console) -> None:
    console.write("probed.md", SKILL)
    with Toy(answer_json({})) as toy:
        done = console.run("keys", "test", "probed", "--credential", "default", **rewritten(toy))
        assert (done.code, "does not work: Credential not found" in done.err) == (1, True)
        assert toy.requests == []


UTILITIES = """
utilities:
  me: {rest: {url: https://a.example}}
  one: {params: {id: {type: string, required: true}}, rest: {url: "https://a.example/{id}"}}
  make: {rest: {method: POST, url: https://a.example}}
  open: {auth: none, rest: {url: https://a.example}}
"""


@pytest.mark.parametrize(
    ("probe", "problem"),
    [
        ("me", None),
        ("mee", "5:45 there is no utility `mee`. Did you mean `me`?"),
        ("one", "5:45 `one` needs `id`, and a probe is called without params. Name a utility that needs none"),
        ("make", "5:45 `make` does not only read, and a probe is called without asking. Name a utility that reads"),
        ("open", "5:45 `open` carries no credential, so it shows nothing of `default`. Name a utility"),
        ("Me!", "5:45 `probe` must be the name of a utility"),
        ("[me]", "`probe` must be text, is a list"),
    ],
)
def test_a_probe_that_could_show_nothing_is_an_error_where_it_stands(probe: str, problem: str | None) -> None:
    found = texts(f"auth: {{type: api_key, header: X-Key, probe: {probe}}}\n{UTILITIES.strip()}\n")
    assert found == [] if problem is None else [each for each in found if problem in each] == found != []
