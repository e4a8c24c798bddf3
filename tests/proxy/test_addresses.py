"""Whose address it is, which key goes along, and who may call it."""

import json
import re
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agentos_runtime.errors import InvalidParams
from agentos_runtime.proxy.targets import Target, parse_path, parse_url
from tests.cli.console import Console
from tests.end_to_end.house import KEY
from tests.proxy.lab import ANTHROPIC, CHAT, MANAGEMENT, QUERY, Lab, lab
from tests.toy.raw import Toy, answer_json, chunked_head, one_chunk, stall

KEYS = (KEY, MANAGEMENT, ANTHROPIC, QUERY)
STRANGER = """\
---
id: stranger
name: Stranger
description: Somebody's service
auth: {type: api_key, header: X-Key}
domains: ["*.far.example", "near.far.example", "port.example:8443"]
utilities:
  ask: {description: Ask, rest: {url: "https://stranger.example/v1/ask"}}
---
"""
SECOND = STRANGER.replace("id: stranger", "id: second")
DOCUMENT = """\
---
name: OpenRouter LLM API
description: A document
domains: [openrouter.ai, only.example]
auth_type: api_key
---
Text.
"""


def error(said: httpx.Response) -> tuple[int, str]:
    return said.status_code, said.json()["code"]


# ------------------------------------------------------------------ the address


@pytest.mark.parametrize(
    ("url", "origin", "path", "query"),
    [
        ("https://OpenRouter.ai", "https://openrouter.ai", "/", ""),
        ("HTTPS://openrouter.ai:443/a?b=c?d", "https://openrouter.ai", "/a", "b=c?d"),
        ("https://b\u00fccher.example/x", "https://xn--bcher-kva.example", "/x", ""),
        ("https://[2606:4700::1]:8443/", "https://[2606:4700::1]:8443", "/", ""),
        ("http://localhost:11434/v1//m/;a=%41", "http://localhost:11434", "/v1//m/;a=%41", ""),
        ("https://a.example/...?x=/../%2e", "https://a.example", "/...", "x=/../%2e"),
    ],
)
def test_an_address_is_read_and_its_path_is_left_as_it_is(url: str, origin: str, path: str, query: str) -> None:
    assert parse_url(url) == Target(origin, path, query)


@pytest.mark.parametrize(
    "url",
    [
        *(
            "openrouter.ai/x",
            "//openrouter.ai/x",
            "ftp://openrouter.ai/",
            "https://",
            "https:///x",
            "https:openrouter.ai",
        ),
        *(
            "https://user@openrouter.ai/",
            "https://openrouter.ai@evil.example/",
            "https://openrouter.ai:x/",
            "https://a:/",
        ),
        *("https://openrouter.ai\\@evil.example/", "https://openrouter.ai/#x", "https://openrouter.ai?x#y"),
        *(
            "https://openrouter.ai/a/../b",
            "https://openrouter.ai/%2e%2E/b",
            "https://openrouter.ai/.%2e",
            "https://a.b/.",
        ),
        *(
            "https://openrouter.ai/..;/b",
            "https://openrouter.ai/a%2fb",
            "https://openrouter.ai/a%5cb",
            "https://a.b/a\\b",
        ),
        *(
            "https://openrouter.ai/a b",
            "https://openrouter.ai/a\r\nX: y",
            "https://openrouter.ai/\u00e9",
            "https://a.b/%00",
        ),
        *("https://openrouter.ai./x", "http://openrouter.ai/x", "https://openrouter.ai:99999/", "https://a_b:1:2/"),
        *("https://openrouter.ai/" + "a" * 8192, f"https://{'a.' * 200}example/", "https://\u2024.\ud800/"),
    ],
)
def test_an_address_that_could_mean_two_things_is_refused(url: str) -> None:
    with pytest.raises(InvalidParams, match="Nothing was sent"):
        parse_url(url)


HOSTS = st.sampled_from(
    [
        *("openrouter.ai", "OPENROUTER.AI", "openrouter.ai.", "openrouter.ai:443", "openrouter.ai:80"),
        *("openrouter.ai%2eevil.example", "openrouter.ai@evil.example", "evil.example", "x.openrouter.ai"),
        *("openrouter.ai\\evil.example", "\uff4fpenrouter.ai", "[::1]", "127.0.0.1", "0x7f.1"),
        *("api.anthropic.com", "maps.example", "openrouter.ai:443@evil.example", "http/openrouter.ai"),
    ]
)
PIECES = st.lists(
    st.sampled_from(
        ["/", "api", "v1", "..", ".", "%2e", "%2f", "\\", "@", "evil.example", ":", "?", "=", "&", "#", "%"]
    )
    | st.text(st.characters(codec="utf-8"), max_size=3),
    max_size=8,
).map("".join)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(HOSTS, PIECES, st.booleans())
def test_what_is_read_of_an_address_is_where_every_reader_goes(host: str, rest: str, whole: bool) -> None:
    try:
        target = parse_url(f"https://{host}{rest}") if whole else parse_path(f"{host}{rest}".encode(), b"")
    except InvalidParams:
        return
    url = target.url(frozenset())
    parts = urlsplit(url)
    assert (f"{parts.scheme}://{parts.netloc}", parts.username, parts.fragment) == (target.origin, None, "")
    assert httpx.URL(url).host == parts.hostname
    assert re.fullmatch(r"[!-~]+", url)
    assert not {".", ".."} & set(httpx.URL(url).path.split("/"))


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(HOSTS, PIECES)
def test_a_key_reaches_no_other_origin_than_its_own(here: Lab, host: str, rest: str) -> None:
    here.upstream.says(answer_json({}))
    url = f"https://{host}{rest}"
    here.client.post("/api/use", content=json.dumps({"url": url}), headers={"Content-Type": "application/json"})
    for request in here.upstream.toy.requests:
        own = {"api.anthropic.com": ANTHROPIC, "maps.example": QUERY}.get(parse_url(url).host, KEY)
        assert [key for key in KEYS if key.encode() in request.raw] == [own]
        assert parse_url(url).origin in (
            "https://openrouter.ai",
            "https://api.anthropic.com",
            "https://maps.example",
        )


# ------------------------------------------------------------------ the skill


def test_a_host_that_no_skill_names_is_not_called_and_the_nearest_is_named(here: Lab) -> None:
    said = here.use("GET", "/use/openrouter.io/api/v1/models", headers={"X-Agent": "x"})
    assert said.status_code == 404
    assert "did you mean openrouter.ai" in said.json()["error"]["message"]
    once = here.client.post("/api/use", json={"url": "https://openrouter.ai:8443/x"})
    assert error(once) == (404, "unknown_origin")
    assert here.upstream.toy.requests == []


def test_the_longest_name_wins_and_of_two_alike_the_caller_says_which(tmp_path: Path) -> None:
    skills = {"stranger.md": STRANGER, "second.md": SECOND, "document.md": DOCUMENT}
    with (
        Toy(answer_json({})) as toy,
        lab(
            tmp_path,
            skills=skills,
            rewrite={
                f"https://{host}": toy.origin
                for host in ("near.far.example", "x.far.example", "openrouter.ai", "port.example:8443")
            },
        ) as two,
    ):
        (two.house.home / "credentials.json").unlink(missing_ok=True)

        def ask(url: str, **more: str) -> httpx.Response:
            return two.client.post("/api/use", json={"url": url, **more})

        for url in ("https://near.far.example/", "https://x.far.example/", "https://port.example:8443/"):
            said = ask(url)
            assert error(said) == (409, "ambiguous_skill")
            assert said.json()["skills"] == ["second", "stranger"]
            named = ask(url, skill="second")
            assert error(named) == (424, "credential_not_found")
            assert "agentos keys set second" in named.json()["error"]
        for url in ("https://far.example/", "https://evilfar.example/", "https://port.example/"):
            assert error(ask(url)) == (404, "unknown_origin"), url
        assert ask("https://openrouter.ai/x").json()["skill"] == "openrouter", "a document makes nothing ambiguous"
        assert ask("https://openrouter.ai/x", skill="document").json()["skill"] == "openrouter"
        assert error(ask("https://openrouter.ai/x", skill="stranger")) == (404, "unknown_origin")
        assert error(ask("https://openrouter.ai/x", skill="nobody")) == (404, "unknown_skill")


# ------------------------------------------------------------------ the key


def test_a_key_that_is_not_the_usual_one_never_goes_along(here: Lab) -> None:
    for method, path in (
        ("GET", "/credits"),
        ("DELETE", "/keys/abc"),
        ("POST", "/keys"),
        ("GET", "//CREDITS/"),
        ("GET", "/%63redits"),
    ):
        said = here.use(method, f"/use/openrouter.ai/api/v1{path}", json={} if method == "POST" else None)
        assert error(said) == (409, "approval_required"), path
        assert 'credential "management"' in said.json()["error"]
    said = here.client.post("/api/use", json={"url": "https://openrouter.ai/x", "credential": "management"})
    assert error(said) == (409, "approval_required")
    assert here.upstream.toy.requests == []
    usual = here.client.post(
        "/api/use", json={"url": "https://openrouter.ai/api/v1/credits", "credential": "default"}
    )
    assert usual.json()["status"] == 200
    assert MANAGEMENT.encode() not in here.upstream.asked.raw
    odd = here.client.post("/api/use", json={"url": "https://openrouter.ai/x", "credential": "other"})
    assert error(odd) == (400, "invalid_params")


def test_a_file_that_does_not_ship_is_approved_first_and_again_when_it_opens_more(tmp_path: Path) -> None:
    narrow = STRANGER.replace("utilities:", "use: {methods: [GET], paths: ['/v1/*']}\nutilities:")
    wide = narrow.replace("[GET]", "[GET, POST]")
    with lab(tmp_path, skills={"stranger.md": narrow}) as one:
        environ = one.house.home / "credentials.json"
        assert not environ.exists()
        asked = {"url": "https://stranger.example/v1/other"}

        def ask(**more: object) -> httpx.Response:
            return one.client.post("/api/use", json={**asked, **more})

        assert error(ask()) == (424, "credential_not_found")
        for refused in (ask(method="POST"), ask(url="https://stranger.example/v2")):
            assert error(refused) == (403, "not_allowed")
            assert "GET /v1/*" in refused.json()["error"]
    console = Console(tmp_path / "home", tmp_path / "skills", {"STRANGER_API_KEY": "k" * 20})
    url = "https://stranger.example/v1/other"
    shown = console.run("approve", "stranger", "--json", "--yes").json
    assert {
        "credential": "default",
        "origin": "https://stranger.example",
        "method": "GET",
        "placement": "use:/v1/*",
    } in (shown["authority"]["grants"])
    console.write("stranger.md", wide)
    again = console.run("approve", "stranger", "--json", "--yes").json
    assert any("POST /v1/* of https://stranger.example, as agents ask" in line for line in again["changes"]), url


# ------------------------------------------------------------------ the agent


LIMITS = """
[limits.agents.careful]
deny = ["openrouter/list_models", "openrouter/get_key"]
[limits.agents.only]
allow = ["openrouter/use", "openrouter/chat"]
[limits.agents.callers]
allow = ["openrouter/chat"]
[limits.agents.slow]
calls_per_minute = 1
"""


def test_a_utility_that_is_denied_is_denied_by_its_address_too_however_it_is_spelled(tmp_path: Path) -> None:
    with lab(tmp_path, config=LIMITS) as limited:
        limited.upstream.says(answer_json({}))

        def ask(agent: str, method: str, path: str) -> int:
            return limited.use(method, f"/use/openrouter.ai{path}", headers={"X-Agent": agent}).status_code

        for path in (
            "/api/v1/models",
            "/api/v1//models/",
            "/API/v1/Models",
            "/api/v1/%6dodels",
            "/api/v1/models;x=1?y",
        ):
            assert ask("careful", "GET", path) == 403, path
            assert ask("careful", "HEAD", path) == 403, path
        for query in (
            "_method=GET",
            "method=get",
            "x&%5fmethod=%47et",
            "a;X-HTTP-Method-Override=GET",
            "$.httpMethod=get",
        ):
            assert ask("careful", "POST", f"/api/v1/models?{query}") == 403, query
        assert limited.upstream.toy.requests == []
        assert ask("careful", "GET", "/api/v1/models/count") == 200
        assert ask("careful", "POST", "/api/v1/models?method=flickr.photos&_method=PUT") == 200
        assert ask("only", "POST", "/api/v1/chat/completions") == 200
        assert ask("only", "GET", "/api/v1/models") == 403
        assert ask("only", "GET", "/nothing/that/a/utility/calls") == 200
        assert ask("callers", "POST", "/api/v1/chat/completions") == 403
        assert ask("slow", "GET", "/x") == 200
        said = limited.use("GET", CHAT, headers={"X-Agent": "slow"})
        assert (said.status_code, said.json()["error"]["type"]) == (429, "rate_limit_error")
        assert "retry-after" in said.headers
        assert "x-should-retry" not in said.headers


DENYING = """
[limits.agents.timid]
deny = ["*:write", "*:destroy"]
"""


def test_an_address_of_which_nobody_knows_what_it_does_is_denied_with_what_it_might_do(tmp_path: Path) -> None:
    with lab(tmp_path, config=DENYING) as limited:
        limited.upstream.says(answer_json({}))

        def ask(agent: str, method: str, path: str) -> int:
            return limited.use(method, f"/use/openrouter.ai{path}", headers={"X-Agent": agent}).status_code

        assert ask("timid", "POST", "/an/address/of/which/nobody/knows/what/it/does") == 403
        assert limited.upstream.toy.requests == []
        assert ask("timid", "GET", "/api/v1/models") == 200


def test_an_agent_that_was_stopped_calls_no_address_and_its_stream_ends(tmp_path: Path) -> None:
    with lab(tmp_path) as one:
        console = Console(one.house.home, one.house.skills)
        head = chunked_head(headers=[("Content-Type", "text/event-stream")])
        one.upstream.says(stall(head + one_chunk(b": hello\n\n")))
        with one.client.stream("GET", CHAT, headers={"X-Agent": "rogue"}) as said:
            pieces = said.iter_raw()
            assert next(pieces) == b": hello\n\n"
            assert console.run("agents", "stop", "rogue").code == 0
            last = next(pieces)
            with pytest.raises(httpx.RemoteProtocolError):
                next(pieces)
        assert b"was stopped" in last
        again = one.use("GET", "/use/openrouter.ai/x", headers={"X-Agent": "rogue"})
        assert (again.status_code, "was stopped" in again.json()["error"]) == (403, True)
        assert len(one.upstream.toy.requests) == 1


def test_a_name_that_leads_inside_is_not_called_whatever_its_skill_says(tmp_path: Path) -> None:
    inside = STRANGER.replace("stranger.example", "localtest.example").replace(
        "auth: {type: api_key, header: X-Key}", "auth: none"
    )
    with lab(tmp_path, skills={"stranger.md": inside}, rewrite={}) as one:
        for url, code in (
            ("https://localtest.example/v1/ask", "upstream_unreachable"),
            ("http://localhost:11434/api/tags", "upstream_unreachable"),
            ("http://127.0.0.1:1/", "unknown_origin"),
            ("https://169.254.169.254/latest", "unknown_origin"),
        ):
            said = one.client.post("/api/use", json={"url": url, "timeout": 5})
            assert error(said)[1] == code, url
