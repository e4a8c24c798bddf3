"""A credential goes where the skill's authority says, and nowhere else, however an expression gets hold of it."""

import base64
import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from agentos_runtime.security.authority import authority_of
from tests.cli.console import Console
from tests.end_to_end.house import House, house
from tests.manifest.loading import good, load, utility
from tests.security import places
from tests.security.support import environment_number
from tests.security.tally import Tally
from tests.toy.raw import Exchange, Toy, answer, answer_json

INPUTS = environment_number("AGENTOS_TEST_AUTHORITY", 150)
ORIGIN = "https://toy.example"
SECRET = "ab+cd/ef canary:5b0d91"
DECLARED = '{type: api_key, header: Authorization, prefix: "Bearer "}'


def skill(rest: str, *, auth: str = DECLARED, above: str = "", more: str = "") -> str:
    return (
        f"---\nid: reach\nname: Reach\ndescription: x\napi: {{base_url: '{ORIGIN}'}}\nauth: {auth}\n{above}"
        f"utilities:\n  go:\n    description: Go\n    params: {{q: {{}}, n: {{}}}}\n{more}    rest: {rest}\n---\n"
    )


@contextlib.contextmanager
def served(folder: Path, text: str, behaviour: Any = None, **environ: str) -> Iterator[tuple[House, Toy]]:
    (folder / "skills").mkdir()
    (folder / "skills" / "reach.md").write_text(text)
    environ = environ or {"REACH_API_KEY": SECRET}
    with (
        Toy(behaviour or answer(body=b"{}")) as toy,
        house(folder, rewrite={ORIGIN: toy.origin}, environ=environ) as running,
    ):
        yield running, toy


def refused(response: httpx.Response, key: str, place: str) -> None:
    said = response.json()
    assert (response.status_code, said["code"]) == (500, "expression_failed"), said
    assert (said["key"], said.get("place", place)) == (f"utilities.go.rest.{key}", place)
    assert said["key"] in said["error"]
    assert said["line"] > 1
    assert SECRET not in response.text


@pytest.mark.slow
def test_no_way_to_the_credential_leads_to_a_place_that_was_not_declared(tally: Tally) -> None:
    counts = places.run(range(INPUTS))
    assert min(counts["sent"], counts["with the credential"], counts["expression_failed"]) > INPUTS // 50, counts
    tally.add("skills that reach for their credential", INPUTS)


WAYS = (
    '.["au"+"th"].key',
    'getpath(["auth", "key"])',
    ". as $x | $x.auth.key",
    ". as {auth: {$key}} | $key",
    '[.. | strings] | map(select(startswith("agentos")))[0]',
    'to_entries | map(select(.key == "auth"))[0].value.key',
    "tojson",
    'reduce .["au"+"th"].key as $k (""; . + $k)',
    'foreach .["au"+"th"].key as $k (0; 1; $k)',
    "[paths(strings) as $p | getpath($p)] | last",
    '.["au"+"th"].key | @base64',
    '"x" + (.["au"+"th"].key | @base64)',
    '.["au"+"th"].key | .[3:25]',
    "[.[]] | tojson | @base64",
)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("rest", "key", "place"),
    [
        ("{url: /x, headers: {X-Other: %s}}", "headers.X-Other", "header:x-other"),
        ("{url: /x, query: {other: %s}}", "query.other", "query:other"),
        ("{method: POST, url: /x, body: {a: {b: [%s]}}}", "body.a.b[0]", "body:a.b[]"),
    ],
)
def test_a_credential_that_is_reached_without_its_name_is_sent_nowhere(
    tmp_path: Path, rest: str, key: str, place: str, way: str
) -> None:
    with served(tmp_path, skill(rest % json.dumps(f"({way})"))) as (running, toy):
        refused(running.call("reach", "go", {"q": "x" * 20}), key, place)
        assert toy.requests == []


@pytest.mark.parametrize(
    ("rest", "key", "place"),
    [
        ("""{url: '"/x/" + (.["au"+"th"].key)'}""", "url", "url"),
        ("""{method: POST, url: /x, body: '{a: 1, (.["au"+"th"].key): 2}'}""", "body", "body"),
        ("""{method: POST, url: /x, body: {a: 1}, body_extra: '{b: .["au"+"th"].key}'}""", "body_extra", "body:b"),
        ("""{method: POST, url: /x, encoding: form, body: {a: '(.["au"+"th"].key)'}}""", "body.a", "body:a"),
        ("""{method: POST, url: /x, encoding: multipart, body: {a: '(.["au"+"th"])'}}""", "body.a", "body:a.key"),
        ("""{method: POST, url: /x, encoding: text, body: '("k=" + .["au"+"th"].key)'}""", "body", "body"),
    ],
)
def test_every_part_of_a_request_is_a_place(tmp_path: Path, rest: str, key: str, place: str) -> None:
    with served(tmp_path, skill(rest)) as (running, toy):
        refused(running.call("reach", "go"), key, place)
        assert toy.requests == []


def test_a_stream_and_its_body_are_held_to_the_same_places(tmp_path: Path) -> None:
    stream = """{delta: ., accumulate: last, body: {b: '(.["au"+"th"].key)'}}"""
    rest = f"{{method: POST, url: /x, body: {{a: 1}}, stream: {stream}}}"
    with served(tmp_path, skill(rest)) as (running, toy):
        refused(running.call("reach", "go", {"stream": True}), "stream.body.b", "body:b")
        assert running.call("reach", "go").status_code == 200
        assert len(toy.requests) == 1


def test_a_name_in_an_expression_declares_its_place_and_no_other(tmp_path: Path) -> None:
    rest = "{method: POST, url: /x, headers: {X-A: .auth.key}, body: {a: {b: .auth.key}, c: ['{d: .auth.key}']}}"
    with served(tmp_path, skill(rest, auth="{type: api_key}")) as (running, toy):
        assert running.call("reach", "go").status_code == 200
        shown = running.client.get("/api/skills/reach").json()["authority"]
        assert {each["placement"] for each in shown} == {"header:x-a", "body:a.b", "body:c[]"}
        assert toy.requests[0].header("x-a") == SECRET
        assert json.loads(toy.requests[0].body) == {"a": {"b": SECRET}, "c": [{"d": SECRET}]}


def test_a_dot_in_a_fields_name_is_not_a_step() -> None:
    def placed(body: str) -> set[str]:
        rest = f"method: POST\nurl: https://a.example\nbody: {body}"
        return {
            grant.placement for grant in authority_of(good(utility(rest, above="auth: {type: api_key}"))).grants
        }

    assert placed("{a: {b: .auth.key}}") == {"body:a.b"}
    assert placed("{a.b: .auth.key}") == {"body:a\\.b"}


# ------------------------------------------------------------------ definitions


@pytest.mark.parametrize(
    "definitions",
    [
        "{bearer: '\"Bearer \" + .auth.key'}",
        "{token: .auth.key, bearer: '\"Bearer \" + token'}",
        "'def token: .auth.key; def bearer: def in: token; \"Bearer \" + in;'",
        '{bearer: \'"Bearer " + .["auth"].key\'}',
    ],
)
def test_a_definition_that_names_the_credential_counts_for_what_uses_it(tmp_path: Path, definitions: str) -> None:
    rest = (
        "{method: POST, url: /x, headers: {X-A: bearer}, body: {other: '.params.bearer | tostring', plain: '[1]'}}"
    )
    text = skill(rest, auth="{type: api_key}", above=f"definitions: {definitions}\n")
    with served(tmp_path, text) as (running, toy):
        shown = running.client.get("/api/skills/reach").json()["authority"]
        assert {each["placement"] for each in shown} == {"header:x-a"}
        assert running.call("reach", "go").status_code == 200
        assert toy.requests[0].header("x-a") == f"Bearer {SECRET}"


def test_a_definition_that_hides_the_name_reaches_nothing(tmp_path: Path) -> None:
    above = 'definitions: {recurse: \'.["au" + "th"].key\'}\n'
    with served(tmp_path, skill("{url: /x, headers: {X-A: '(.. | tostring)'}}", above=above)) as (running, toy):
        refused(running.call("reach", "go"), "headers.X-A", "header:x-a")
        assert toy.requests == []


# ------------------------------------------------------------------ what is done with it

RIGHT = {
    ".auth.key": SECRET,
    '"Basic " + ("me:" + .auth.key | @base64)': "Basic " + base64.b64encode(f"me:{SECRET}".encode()).decode(),
    ".auth.key | @uri": "ab%2Bcd%2Fef%20canary%3A5b0d91",
    '{k: .auth.key} | tojson': json.dumps({"k": SECRET}, separators=(",", ":")),
    '.auth.key | split(":")[1]': "5b0d91",
    '.auth.key / "/" | .[0]': "ab+cd",
    '.auth.key | split(":") | last': "5b0d91",
    '.auth.key | split("/")[-1]': "ef canary:5b0d91",
    '"\\(.auth.key):\\(.auth.key | split(":") | first)"': f"{SECRET}:ab+cd/ef canary",
    'if .params.q then .auth.key else "none" end': "none",
    "[.auth.key] | map(.) | first": SECRET,
}  # fmt: skip
WRONG = (
    ".auth.key[0:8]",
    ".auth.key[:50]",
    ".auth.key[:20] | utf8bytelength",
    ".auth.key | explode | reverse | implode",
    ".auth.key | ascii_upcase",
    '.auth.key | ltrimstr("ab")',
    '.auth.key | rtrimstr("91")',
    '.auth.key | gsub("c"; "")',
    '[.auth.key, "x"] | tojson | split(":")[0]',
    '.auth.key + "-x" | split(":")[1]',
    '.auth.key | split(":") | length',
    '.auth.key | split(":") | join("-")',
    ".auth.key | length",
    ".auth.key | @sh",
    ".auth.key | @html",
    'if (.auth.key | startswith("ab")) then "a" else "b" end',
    '.auth.key | test("canary")',
    ".auth.key | @base32",
    ".auth.key | .[:4] + .[4:] | ascii_downcase",
)


@pytest.mark.parametrize("use", RIGHT)
def test_a_credential_is_sent_as_the_expression_would_make_it(tmp_path: Path, use: str) -> None:
    rest = f"{{url: /x, headers: {{X-A: {json.dumps(f'({use})')}}}}}"
    with served(tmp_path, skill(rest, auth="{type: api_key}")) as (running, toy):
        assert running.call("reach", "go").status_code == 200
        assert toy.requests[0].header("x-a") == RIGHT[use]


@pytest.mark.parametrize("use", WRONG)
def test_what_cannot_be_repeated_with_the_secret_fails(tmp_path: Path, use: str) -> None:
    rest = f"{{url: /x, headers: {{X-A: {json.dumps(f'({use})')}}}}}"
    with served(tmp_path, skill(rest, auth="{type: api_key}")) as (running, toy):
        refused(running.call("reach", "go"), "headers.X-A", "header:x-a")
        assert toy.requests == []


def test_the_time_of_day_beside_a_credential_is_no_use_of_it(tmp_path: Path) -> None:
    rest = "{url: /x, headers: {X-A: .auth.key, X-Time: '(now | tostring)'}}"
    with served(tmp_path, skill(rest, auth="{type: api_key}")) as (running, toy):
        assert running.call("reach", "go").status_code == 200
        assert float(toy.requests[0].header("x-time") or 0) > 1e9


def test_a_piece_that_the_credential_does_not_have_is_an_error(tmp_path: Path) -> None:
    rest = "{url: /x, headers: {X-A: '(.auth.key | split(\"|\")[1])'}}"
    with served(tmp_path, skill(rest, auth="{type: api_key}")) as (running, toy):
        refused(running.call("reach", "go"), "headers.X-A", "header:x-a")
        assert toy.requests == []


def test_without_an_optional_credential_what_would_carry_it_is_left_out(tmp_path: Path) -> None:
    rest = (
        "{method: POST, url: /x, headers: {X-A: .auth.key}, query: {k: .auth.key, q: '(.params.q)'}, "
        "body: {a: {b: .auth.key, c: 1}, d: ['(.auth.key)', 2]}}"
    )
    text = skill(rest, auth="{type: api_key, optional: true}")
    with served(tmp_path, text, PATH="/") as (running, toy):
        assert running.call("reach", "go", {"q": "x"}).status_code == 200
        [request] = toy.requests
        assert (request.target, request.header("x-a")) == ("/x?q=x", None)
        assert json.loads(request.body) == {"a": {"c": 1}, "d": [2]}


# ------------------------------------------------------------------ what a service says back


def test_a_cursor_that_repeats_the_credential_is_not_followed(tmp_path: Path) -> None:
    rest = "{url: /x, paginate: {style: cursor, items: /rows, next: .next}}"
    more = "    returns: array\n"

    def echo(exchange: Exchange) -> None:
        answer_json({"rows": [1], "next": SECRET})(exchange)

    with served(tmp_path, skill(rest, more=more), echo) as (running, toy):
        refused(running.call("reach", "go", {"all": True}), "paginate.next", "query:cursor")
        assert len(toy.requests) == 1


@pytest.mark.parametrize(
    ("auth", "url", "looks"),
    [
        (DECLARED, "/jobs/" + SECRET.replace(" ", "%20"), 0),
        (DECLARED, "/jobs?again=" + SECRET.replace(" ", "%20").replace("+", "%2B"), 0),
        ("{type: api_key, query: key}", "/jobs?key=" + SECRET.replace(" ", "%20").replace("+", "%2B"), 1),
    ],
)
def test_a_jobs_address_that_repeats_the_credential_is_followed_only_where_it_goes_anyway(
    tmp_path: Path, auth: str, url: str, looks: int
) -> None:
    rest = "{method: POST, url: /x, poll: {url: .at, until: .done, interval: 0.01}}"
    behaviours = [answer_json({"at": url}), answer_json({"done": True})]

    def turns(exchange: Exchange) -> None:
        behaviours.pop(0)(exchange)

    with served(tmp_path, skill(rest, auth=auth), turns) as (running, toy):
        response = running.call("reach", "go")
        assert len(toy.requests) == 1 + looks
        if looks:
            assert response.status_code == 200, response.text
        else:
            refused(response, "poll.url", "url")


# ------------------------------------------------------------------ checked as it runs


def test_what_check_says_of_an_expression_holds_when_it_runs(tmp_path: Path) -> None:
    """The text that is compiled is the text that runs, after a base url and beside a split credential too."""
    rest = (
        "{url: '\"/x/\\(.params.n)\" # a comment that goes on \\', headers: {X-A: '(.auth.key | split(\":\")[0])'}}"
    )
    text = skill(rest, auth="{type: api_key}")
    with served(tmp_path, text) as (running, toy):
        checked = Console(tmp_path / "other", tmp_path / "skills").run("check", tmp_path / "skills" / "reach.md")
        assert checked.code == 0, checked
        assert running.call("reach", "go", {"n": "7"}).status_code == 200
        assert (toy.requests[0].target, toy.requests[0].header("x-a")) == ("/x/7", SECRET.partition(":")[0])
    result = load(
        utility(
            "url: https://a.example\nheaders: {X-A: '(.auth.key | split(\":\")[0])'}", above="auth: {type: api_key}"
        )
    )
    assert [check.source for check in result.checks] == ['(.auth.key | split(":")[0])']  # fmt: skip


def test_a_relative_url_that_leaves_its_base_is_refused(tmp_path: Path) -> None:
    rest = '{url: \'"/x" | ".evil.example/"\'}'
    with served(tmp_path, skill(rest)) as (running, toy):
        refused(running.call("reach", "go"), "url", "url")
        assert toy.requests == []
