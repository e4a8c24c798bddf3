"""Tokens for a client's id and secret: had once over all processes, stored before they are used."""

import base64
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import pytest

from tests.cli.console import SCRIPT, Console, Done, started
from tests.login.test_renewing import AN_HOUR, call
from tests.login.token_service import TokenService, token_service

SKILL = """\
---
id: demo
name: Demo
description: A service for programs
auth:
  type: oauth
  grant: client_credentials
  token_url: {origin}/token
  scopes: [read, write]
  audience: https://api.example.com
  token_params: {{tenant: blue}}
  probe: me{more}
utilities:
  me:
    description: Who I am
    rest: {{url: {origin}/me}}
  change:
    description: Changes something
    rest: {{url: {origin}/change, method: POST, body: {{a: 1}}}}
---
"""
CLIENT = ("client-canary-1", "sec+ret canary/2")


class Home(Console):
    """A console whose home has the client of a service."""

    service: TokenService

    def serving_at(self, service: TokenService, more: str = "", *, secret: str = CLIENT[1]) -> "Home":
        self.service = service
        self.write("demo/readme.md", SKILL.format(origin=service.origin, more=more))
        given = f"{CLIENT[0]}\n{secret}\n" if "\n  client_id:" not in more else f"{secret}\n"
        done = self.run("keys", "set", "demo", stdin=given)
        assert done.code == 0, done.err
        assert "to be given tokens" in done.err
        return self

    def entries(self) -> dict[str, Any]:
        kept = json.loads((self.home / "credentials.json").read_text())["credentials"]
        return {entry["credential"]: entry for entry in kept}

    def end_soon(self, seconds: float = 30) -> None:
        """The stored token ends in so many seconds."""
        file = self.home / "credentials.json"
        kept = json.loads(file.read_text())
        for entry in kept["credentials"]:
            if entry["credential"] == "default.token":
                entry["expires_at"] += seconds - AN_HOUR
                entry["renew_at"] = entry["expires_at"] - 60
        file.write_text(json.dumps(kept))


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    made = Home(tmp_path / "home", tmp_path / "skills")
    yield made
    everything = [*made.seen, *(f.read_text() for f in made.home.glob(".renewal-*"))]
    sent = base64.b64encode(f"{CLIENT[0]}:{quote_plus(CLIENT[1])}".encode()).decode()
    assert not any("canary" in text or sent[:-8] in text for text in everything)


@pytest.mark.parametrize("how", ["", "\n  client_auth: body"])
def test_a_token_is_had_once_stored_and_used_by_every_call(home: Home, how: str) -> None:
    with token_service(client=CLIENT) as service, home.serving_at(service, how).serving() as url:
        assert [call(url)[0] for _ in range(3)] == [200, 200, 200]
        assert home.run("call", "demo", "change").code == 0
        tokens = set(service.calls)
    assert (service.renewals, len(tokens), len(service.calls)) == (1, 1, 4)
    wanted = {"grant_type": "client_credentials", "scope": "read write", "tenant": "blue"}
    posted = dict(service.posted[0])
    assert posted.items() >= (wanted | {"audience": "https://api.example.com"}).items()
    assert ("client_secret" in posted, service.shown[0].startswith("Basic ")) == (bool(how), not how)
    token = home.entries()["default.token"]
    assert token["fields"]["access_token"] in tokens
    assert token["expires_at"] - token["renew_at"] == 60
    listed = home.run("keys", "list", "--json").json["keys"]
    assert [(each["credential"], each["fields"]) for each in listed] == [
        ("default", ["client_id", "client_secret"])
    ]


def test_the_id_may_stand_in_the_file_and_go_into_calls_where_it_does_not(home: Home) -> None:
    with token_service(client=CLIENT) as service:
        home.serving_at(service, f"\n  client_id: {CLIENT[0]}")
        assert home.run("call", "demo", "me").code == 0
        assert set(home.entries()["default"]["fields"]) == {"client_secret"}
        more = '\n  header: {Authorization: "Bearer {access_token}", Client-Id: "{client_id}"}'
        home.serving_at(service, more)
        done = home.run("call", "demo", "me", "--dry-run")
        assert "Client-Id" in done.out
        assert home.run("call", "demo", "me").code == 0
    assert service.client_ids[-1] == CLIENT[0]


@pytest.mark.slow
def test_four_servers_ask_once_per_end_and_once_per_401(home: Home) -> None:
    with token_service(client=CLIENT) as service, ExitStack() as stack:
        home.serving_at(service)
        urls = [stack.enter_context(home.serving()) for _ in range(4)]
        pool = stack.enter_context(ThreadPoolExecutor(16))
        for count in range(1, 4):
            assert {status for status, _ in pool.map(call, urls * 4)} == {200}
            assert service.renewals == count
            home.end_soon()
        assert {status for status, _ in pool.map(call, urls * 4)} == {200}
        service.expire()
        assert [body for status, body in pool.map(call, urls * 4) if status != 200] == []
        assert service.renewals == 5
        service.expire()
        assert call(urls[0])[1]["code"] == "credential_rejected"
    assert service.renewals == 5, "a token that just came of a refusal is not replaced for another"


def test_a_token_that_came_of_a_refusal_is_known_as_one_to_servers_that_were_not_refused(home: Home) -> None:
    with token_service(client=CLIENT) as service, ExitStack() as stack:
        one, other = [stack.enter_context(home.serving_at(service).serving()) for _ in range(2)]
        for url in (one, other):
            assert call(url)[0] == 200
            service.expire()
        assert [call(url)[1]["code"] for url in (one, other, one)] == ["credential_rejected"] * 3
    assert service.renewals == 2


def test_a_secret_that_stands_where_the_services_words_are_cut_is_not_told(home: Home) -> None:
    with token_service(answer=lambda: (400, {"error": "a" * 290 + CLIENT[1]}, {})) as service:
        done = home.serving_at(service).run("call", "demo", "me")
        assert (done.code, "aaaa" in done.err, CLIENT[1][:4] in done.err) == (1, True, False), done.err


def test_a_refusal_in_a_200_is_told_in_the_services_words(home: Home) -> None:
    with token_service(answer=lambda: (200, {"error": "invalid_scope"}, {})) as service:
        done = home.serving_at(service).run("call", "demo", "me")
        assert "127.0.0.1 refused it (200): invalid_scope" in done.err
        assert "agentos keys set demo" in done.err


def test_a_token_that_could_not_be_stored_is_kept_and_no_process_asks_for_another(home: Home) -> None:
    with token_service(client=CLIENT) as service, ExitStack() as stack:
        home.serving_at(service)
        one, other = [stack.enter_context(home.serving()) for _ in range(2)]
        file = home.home / "credentials.json"
        service.before_answer = lambda: file.chmod(0o644)
        assert "chmod 600" in call(one)[1]["error"]
        file.chmod(0o600)
        assert [call(url)[0] for url in (other, one, other)] == [424, 200, 200]
        assert home.entries()["default.token"]["fields"]["access_token"] == service.calls[0]
    assert (service.renewals, len(set(service.calls))) == (1, 1)


def test_a_token_that_is_given_while_its_client_is_removed_is_not_stored(home: Home) -> None:
    with token_service(client=CLIENT) as service, home.serving_at(service).serving() as url:
        service.before_answer = lambda: done.append(home.run("keys", "remove", "demo"))
        done: list[Done] = []
        assert call(url)[1]["code"] == "credential_not_found"
        assert (done[0].code, home.entries(), service.calls) == (0, {}, [])


def test_a_server_killed_while_it_is_given_a_token_holds_up_nobody(home: Home) -> None:
    with token_service(client=CLIENT) as service, ThreadPoolExecutor(1) as pool:
        home.serving_at(service)
        with started([*SCRIPT, "serve", "--port", "0", "--json"], env=home.environ) as process:
            assert process.stdout is not None
            url = json.loads(process.stdout.readline())["url"]
            service.before_answer = process.kill
            with pytest.raises((OSError, EOFError)):
                pool.submit(call, url).result()
            process.wait()
        service.before_answer = lambda: None
        assert home.run("call", "demo", "me").code == 0
    assert len(service.posted) == 2


def test_another_secret_or_another_request_is_another_token(home: Home) -> None:
    with token_service(client=CLIENT) as service:
        home.serving_at(service)
        assert home.run("call", "demo", "me").code == 0
        service.client = (CLIENT[0], "another canary")
        home.serving_at(service, secret="another canary")
        assert home.run("call", "demo", "me").code == 0
        assert service.renewals == 2
        text = SKILL.format(origin=service.origin, more="").replace("[read, write]", "[read]")
        home.write("demo/readme.md", text)
        assert home.run("call", "demo", "me").code == 0
        assert (service.renewals, dict(service.posted[-1])["scope"]) == (3, "read")
        assert home.run("keys", "remove", "demo").code == 0
        assert home.entries() == {}


def test_a_client_from_the_environment_shares_its_token_too(home: Home) -> None:
    with token_service(client=CLIENT) as service:
        home.write("demo/readme.md", SKILL.format(origin=service.origin, more=""))
        environ = {"DEMO_CLIENT_ID": CLIENT[0], "DEMO_CLIENT_SECRET": CLIENT[1]}
        refused = home.run("call", "demo", "me", **environ)
        assert (refused.code, "Nobody approved" in refused.err) == (1, True)
        assert home.run("approve", "demo", "--yes").code == 0
        assert [home.run("call", "demo", "me", **environ).code for _ in range(3)] == [0, 0, 0]
        assert (service.renewals, set(home.entries())) == (1, {"default.token"})
        without = home.run("call", "demo", "me")
        assert (without.code, "DEMO_CLIENT_ID and DEMO_CLIENT_SECRET" in without.err) == (1, True)
        assert "agentos login" not in without.err
        assert home.run("keys", "list", "--json").json["keys"] == []


@pytest.mark.parametrize(
    ("answer", "code", "said"),
    [
        (None, "credential_rejected", "agentos keys set demo"),
        ((400, {"error": "invalid_scope"}, {}), "credential_rejected", "invalid_scope"),
        ((429, {"error": "slow_down"}, {"Retry-After": "7"}), "upstream_rate_limited", "slow_down"),
        ((500, b"<html>", {}), "upstream_failed", "answered 500"),
        ((200, {"token": "x"}, {}), "upstream_invalid", "holds no `access_token`"),
        ((200, {"code": 40001, "message": f"no {CLIENT[1]}"}, {}), "upstream_invalid", "It says: no [redacted]"),
        ((200, b"<html><title>Sign in</title>", {}), "upstream_invalid", "It says: an HTML page: Sign in"),
        ((200, b"error=bad_client&error_description=No+app", {}), "credential_rejected", "bad_client: No app"),
        ((302, b"", {"Location": "http://127.0.0.1:1/other"}), "upstream_failed", "redirect"),
    ],
)
def test_what_the_address_answers_is_a_clear_error_and_it_is_left_alone_for_a_while(
    home: Home, answer: Any, code: str, said: str
) -> None:
    told = None if answer is None else (lambda: answer)
    with token_service(client=("other", "client"), answer=told) as service:
        home.serving_at(service)
        for _ in range(2):
            done = home.run("call", "demo", "me", "--json", "{}")
            assert (code in done.out + done.err, said in done.out + done.err) == (True, True), (done.out, done.err)
        asked = len(service.posted)
        if answer is None:
            service.client = CLIENT
            home.serving_at(service)
            home.serving_at(service, secret=CLIENT[1] + "x")
            assert home.run("call", "demo", "me").code == 1, "another secret is not left alone"
            assert len(service.posted) == 2
    assert (asked, service.calls) == (1, [])


@pytest.mark.parametrize(
    "answer",
    [
        {"statusCode": 200, "body": '{"access_token": "canary-1", "expires_in": 3600}'},
        {"message": "access_token=canary-1"},
        {"message": "here it is: canary-1-0123456789abcdef0123"},
        {"detail": {"raw": "canary-1-0123456789abcdef0123"}},
        {"message": "your token: 0123-canary-1"},
    ],
)
def test_a_token_in_another_place_is_not_quoted(home: Home, answer: Any) -> None:
    with token_service(client=CLIENT, answer=lambda: (200, answer, {})) as service:
        home.serving_at(service)
        done = home.run("call", "demo", "me")
    assert ("holds no `access_token`" in done.err, "canary-1" in done.out + done.err) == (True, False)


def test_a_token_may_be_told_as_a_form(home: Home) -> None:
    with token_service(client=CLIENT) as service:
        token = "a-token/of+a form"
        service.good.add(token)
        service.answer = lambda: (200, b"access_token=a-token%2Fof%2Ba+form&expires_in=3600\n", {})
        home.serving_at(service)
        assert [home.run("call", "demo", "me").code for _ in range(2)] == [0, 0]
    assert len(service.posted) == 1


@pytest.mark.parametrize(
    ("written", "kind"),
    [("utf-8-sig", "application/json"), ("utf-16", "application/json"), ("cp1252", "text/plain; charset=cp1252")],
)
def test_a_token_is_read_in_the_charset_in_which_it_is_told(home: Home, written: str, kind: str) -> None:
    told = json.dumps({"access_token": "a-token", "expires_in": "3600", "for": "José"}, ensure_ascii=False)
    with token_service(client=CLIENT) as service:
        service.good.add("a-token")
        service.answer = lambda: (200, told.encode(written), {"Content-Type": kind})
        home.serving_at(service)
        assert [home.run("call", "demo", "me").code for _ in range(2)] == [0, 0]
    assert len(service.posted) == 1


def test_a_token_is_used_to_its_end_when_no_other_is_given_before(home: Home) -> None:
    with token_service(client=CLIENT) as service:
        home.serving_at(service)
        assert home.run("call", "demo", "me").code == 0
        home.end_soon(50)
        service.answer = lambda: (503, {}, {})
        assert [home.run("call", "demo", "me").code for _ in range(3)] == [0, 0, 0]
    assert len(service.posted) == 2


def test_the_secret_goes_only_where_it_was_shown_to_go(home: Home) -> None:
    with token_service(client=CLIENT) as service:
        home.serving_at(service)
        text = SKILL.format(origin=service.origin, more="")
        home.write("demo/readme.md", text.replace(f"{service.origin}/token", "https://stranger.example/token"))
        done = home.run("call", "demo", "me")
        assert (done.code, "nobody approved POST https://stranger.example" in done.err) == (1, True), done.err
    assert (service.posted, service.calls) == ([], [])


def test_nobody_logs_in_for_a_client_and_its_probe_says_whether_it_works(home: Home) -> None:
    with token_service(client=CLIENT) as service:
        home.serving_at(service)
        login = home.run("login", "demo")
        assert (login.code, "agentos keys set demo" in login.err) == (1, True)
        assert "demo: works" in home.run("keys", "test", "demo").out
        shown = home.run("show", "demo").out
        assert "the client's id and secret, to be given tokens" in shown
    assert service.renewals == 1


def test_an_address_that_does_not_answer_opens_its_circuit(home: Home) -> None:
    (home.home / "config.toml").parent.mkdir(parents=True, exist_ok=True)
    (home.home / "config.toml").write_text("[breaker]\nfailures = 1\nover = 0\npause = 60\n")
    with token_service(client=CLIENT, answer=lambda: (500, {}, {})) as service:
        home.serving_at(service)
        with home.serving() as url:
            assert call(url)[1]["code"] == "upstream_failed"
            service.answer = None
            for file in home.home.glob(".renewal-*"):
                file.unlink()
            body = call(url)[1]
            assert (body["code"], "its circuit is open" in body["error"]) == ("upstream_unavailable", True)
    assert len(service.posted) == 1
