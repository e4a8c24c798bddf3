"""Tokens that end: renewed in time and on a 401, once over all processes, and never lost."""

import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentos_runtime import jsontext
from agentos_runtime.security.login.answers import (
    LONGEST_LIFE,
    TokenAnswerError,
    object_of,
    read_granted,
    read_seconds,
)
from tests.cli.console import SCRIPT, Console, Done, started
from tests.login.token_service import Answer, TokenService, token_service
from tests.security.support import until

SKILL = """\
---
id: demo
name: Demo
description: A service whose tokens end
auth:
  type: oauth
  authorize_url: {origin}/auth
  token_url: {origin}/token
  client_id: me
  audience: https://api.example.com
  resource: [https://one.example.com, https://two.example.com]
  token_params: {{tenant: blue}}
utilities:
  me:
    description: Who I am
    rest: {{url: {origin}/me}}
  change:
    description: Changes something
    rest: {{url: {origin}/change, method: POST, body: {{a: 1}}}}
---
"""
AN_HOUR = 3600.0


class Home(Console):
    """A console whose home has logged in at the service."""

    service: TokenService

    def logged_in(self, service: TokenService, *, ends_in: float = AN_HOUR, **fields: str) -> "Home":
        self.service = service
        self.write("demo/readme.md", SKILL.format(origin=service.origin))
        assert self.run("approve", "demo", "--yes").code == 0
        self.store(service.first() | fields, ends_in)
        return self

    def store(self, fields: dict[str, str], ends_in: float) -> None:
        """As `agentos login` leaves them."""
        file, now = self.home / "credentials.json", time.time()
        entry = {"skill": "demo", "credential": "default", "fields": fields, "set_at": "2026-11-28T00:00:00+00:00"}
        place = {"credential": "default", "origin": self.service.origin, "placement": "header:authorization"}
        grants = [place | {"method": method} for method in ("GET", "POST")]
        life = {"renew_at": now + ends_in - 60, "expires_at": now + ends_in}
        file.touch(0o600)
        file.write_text(json.dumps({"version": 1, "credentials": [entry | life | {"grants": grants}]}))

    def kept(self) -> dict[str, Any]:
        (entry,) = json.loads((self.home / "credentials.json").read_text())["credentials"]
        found: dict[str, Any] = entry
        return found


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    made = Home(tmp_path / "home", tmp_path / "skills")
    yield made
    everything = [*made.seen, *(f.read_text() for f in made.home.glob(".renewal-*"))]
    assert not any("canary" in text for text in everything)


def call(url: str, utility: str = "me") -> tuple[int, Any]:
    return sent(f"{url}/api/skills/demo/{utility}", b"{}", {"Content-Type": "application/json"})


def sent(address: str, body: bytes, headers: dict[str, str]) -> tuple[int, Any]:
    request = urllib.request.Request(address, body, headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


def by_address(url: str, service: TokenService, body: bytes) -> tuple[int, Any]:
    return sent(f"{url}/use/http/{service.origin.removeprefix('http://')}/change", body, {"X-Agent": "me"})


def test_a_token_is_renewed_before_its_end_and_its_successor_is_stored_before_it_is_used(home: Home) -> None:
    with token_service() as service, home.logged_in(service, ends_in=30).serving() as url:
        assert [call(url)[0] for _ in range(3)] == [200, 200, 200]
    assert (service.renewals, len(set(service.calls))) == (1, 1)
    kept = home.kept()
    assert kept["fields"] == {"access_token": service.calls[0], "refresh_token": service.refresh}
    assert time.time() + 3400 < kept["renew_at"] < kept["expires_at"] - 59
    assert (
        dict(service.posted[0]).items()
        >= {
            "grant_type": "refresh_token",
            "client_id": "me",
            "audience": "https://api.example.com",
            "tenant": "blue",
        }.items()
    )
    resources = [value for name, value in service.posted[0] if name == "resource"]
    assert resources == ["https://one.example.com", "https://two.example.com"]


def test_a_client_with_a_secret_shows_it_at_each_renewal(home: Home) -> None:
    with token_service(client=("me", "secret-canary")) as service:
        home.logged_in(service, ends_in=-1, client_secret="secret-canary")
        text = SKILL.format(origin=service.origin).replace("client_id: me", "client_id: me\n  client_auth: basic")
        home.write("demo/readme.md", text)
        assert home.run("call", "demo", "me").code == 0
        assert home.kept()["fields"]["client_secret"] == "secret-canary"
        home.store(service.first(), -1)
        done = home.run("call", "demo", "me")
        assert (done.code, "agentos login demo" in done.err) == (1, True), done.err
    assert service.renewals == 1


@pytest.mark.parametrize("utility", ["me", "change"])
def test_a_401_renews_once_and_the_request_is_made_again(home: Home, utility: str) -> None:
    with token_service() as service, home.logged_in(service).serving() as url:
        service.expire()
        assert call(url, utility)[0] == 200
        assert (service.renewals, len(service.calls)) == (1, 2)
        service.expire()
        assert call(url, utility)[1]["code"] == "credential_rejected"
        assert service.renewals == 1, "a token that just came of a refusal is not renewed for another"


SP_API = {"errors": [{"code": "Unauthorized", "details": "The access token you provided has expired."}]}
FACEBOOK = {"WWW-Authenticate": 'OAuth "Facebook Platform" "invalid_token" "Error validating access token"'}


@pytest.mark.parametrize(
    ("answer", "renewals"),
    [
        ((403, SP_API, {}), 1),
        ((403, json.dumps(SP_API).encode("utf-16"), {"Content-Type": "text/plain"}), 1),
        ((403, {"code": "TOKEN_EXPIRED"}, {}), 1),
        ((403, {}, {"WWW-Authenticate": 'Bearer error="invalid_token"'}), 1),
        ((400, {"error": {"message": "x", "code": 190}}, FACEBOOK), 1),
        ((498, {}, {}), 1),
        ((200, {"error": {"code": 498, "message": "Invalid token."}}, {}), 1),
        ((200, {"ok": False, "error": "token_expired"}, {}), 1),
        ((200, {"errors": [{"message": "no", "extensions": {"code": "UNAUTHENTICATED"}}]}, {}), 1),
        ((403, {}, {"WWW-Authenticate": 'Bearer error="insufficient_scope"'}), 0),
        ((403, {"message": "Your trial has expired. Get a token for the paid plan"}, {}), 0),
        ((404, {"message": "the token has expired"}, {}), 0),
        ((200, {"error": "none", "note": "token_expired"}, {}), 0),
    ],
)
def test_a_token_that_is_refused_in_other_words_than_401_is_renewed_once_too(
    home: Home, answer: Answer, renewals: int
) -> None:
    with token_service(refusal=answer) as service, home.logged_in(service).serving() as url:
        service.expire()
        done = call(url, "change")[0]
        assert service.renewals == renewals
        assert not renewals or done == 200


def test_an_answer_to_an_address_that_refuses_its_token_in_words_is_asked_for_again_too(home: Home) -> None:
    with token_service(refusal=(403, SP_API, {})) as service, home.logged_in(service).serving() as url:
        service.expire()
        assert by_address(url, service, b"{}") == (200, {"ok": True})
        service.expire()
        assert by_address(url, service, b"{}") == (403, SP_API)
    assert service.renewals == 1


def test_a_body_that_is_sent_while_it_arrives_is_not_repeated_and_the_next_call_has_a_new_token(home: Home) -> None:
    with token_service() as service, home.logged_in(service).serving() as url:
        service.expire()
        assert [by_address(url, service, b"x" * (2 << 20))[0] for _ in range(2)] == [401, 200]
    assert (service.renewals, len(service.calls)) == (1, 2)


def test_an_explained_call_shows_that_its_token_was_renewed(home: Home) -> None:
    with token_service() as service:
        home.logged_in(service, ends_in=-1)
        done = home.run("call", "demo", "me", "--explain")
    assert (done.code, service.renewals) == (0, 1), done.err
    assert "the token was renewed" in done.out + done.err


def test_four_servers_renew_once_per_end_and_lose_no_token(home: Home) -> None:
    with token_service() as service, ExitStack() as stack:
        home.logged_in(service, ends_in=30)
        urls = [stack.enter_context(home.serving()) for _ in range(4)]
        pool = stack.enter_context(ThreadPoolExecutor(16))
        for end in range(1, 4):
            assert {status for status, _ in pool.map(call, urls * 4)} == {200}
            assert (service.renewals, service.reused) == (end, 0)
            home.store(home.kept()["fields"], 30)
        home.store(home.kept()["fields"], AN_HOUR)
        service.expire()
        assert {status for status, _ in pool.map(call, urls * 4)} == {200}
        assert (service.renewals, service.reused) == (4, 0)
    assert home.kept()["fields"]["refresh_token"] == service.refresh


@pytest.mark.parametrize("expires_in", [3600, None])
def test_a_token_that_came_of_a_refusal_is_known_as_one_to_servers_that_were_not_refused(
    home: Home, expires_in: int | None
) -> None:
    with token_service(expires_in=expires_in) as service, ExitStack() as stack:
        home.logged_in(service)
        one, other = [stack.enter_context(home.serving()) for _ in range(2)]
        service.expire()
        assert call(one)[0] == 200
        service.expire()
        assert [call(url)[1]["code"] for url in (other, one, other)] == ["credential_rejected"] * 3
    assert (service.renewals, service.reused) == (1, 0)


def test_a_service_that_keeps_its_refresh_token_and_says_no_end_is_not_asked_again(home: Home) -> None:
    with token_service(rotates=False, expires_in=None) as service:
        home.logged_in(service, ends_in=30)
        before = service.refresh
        assert [home.run("call", "demo", "me").code for _ in range(2)] == [0, 0]
    assert (service.renewals, home.kept()["fields"]["refresh_token"]) == (1, before)
    assert "expires_at" not in home.kept()


def test_a_login_that_ended_says_so_and_the_service_is_left_alone(home: Home) -> None:
    with token_service() as service, home.logged_in(service, ends_in=-1).serving() as url:
        service.refresh = ""
        for _ in range(3):
            status, body = call(url)
            assert (status, body["code"]) == (424, "credential_not_found")
            assert "agentos login demo" in body["error"]
            assert "canary" not in json.dumps(body)
    assert (len(service.posted), service.calls) == (1, [])
    assert home.run("list", "--json").json["skills"][0]["state"] == "needs_credential"
    assert "refresh_token" not in home.kept()["fields"]
    with token_service() as service, home.logged_in(service).serving() as url:
        assert call(url)[0] == 200


def test_a_login_that_has_run_out_without_a_refresh_token_is_one_that_is_needed(home: Home) -> None:
    with token_service() as service:
        home.logged_in(service)
        fields = service.first()
        del fields["refresh_token"]
        home.store(fields, ends_in=-1)
        assert home.run("list", "--json").json["skills"][0]["state"] == "needs_credential"
        assert "has run out. Run: agentos login demo" in home.run("call", "demo", "me").err
        assert "has run out" in home.run("keys", "doctor").out
        assert "has no key. Run: agentos login demo" in home.run("doctor").out
        assert "needs_credential: demo. Run: agentos login demo\n" in home.run("list").out
        home.store(fields, ends_in=3)
        with home.serving() as url:
            assert state(url) == "ready"
            assert until(lambda: state(url) == "needs_credential")
            assert call(url)[1]["code"] == "credential_not_found"
    assert service.calls == []


def test_a_login_that_is_refused_and_that_nothing_renews_is_to_be_made_again(home: Home) -> None:
    with token_service(expires_in=None) as service:
        home.logged_in(service)
        home.store({"access_token": "canary-of-yesterday"}, AN_HOUR)
        assert "(401): who are you?. Check it, then: agentos login demo" in home.run("call", "demo", "me").err


def state(url: str) -> str:
    with urllib.request.urlopen(f"{url}/api/skills") as answer:
        found: str = json.load(answer)["skills"][0]["state"]
    return found


def failing() -> tuple[int, object, dict[str, str]]:
    return 500, {}, {}


def test_a_token_is_used_to_its_end_when_it_cannot_be_renewed_before(home: Home) -> None:
    with (
        token_service(answer=lambda: (500, {}, {})) as service,
        home.logged_in(service, ends_in=50).serving() as url,
    ):
        assert [call(url)[0] for _ in range(3)] == [200, 200, 200]
    assert len(service.posted) == 1


@pytest.mark.parametrize(
    ("answer", "code", "said"),
    [
        ((429, {"error": "slow_down"}, {"Retry-After": "7"}), "upstream_rate_limited", "slow_down"),
        ((500, b"<html>", {}), "upstream_failed", "answered 500"),
        ((503, {}, {}), "upstream_unavailable", "answered 503"),
        ((302, b"", {"Location": "http://127.0.0.1:1/other"}), "upstream_failed", "redirect"),
        ((200, b"<html>", {}), "upstream_invalid", "holds no `access_token`"),
        ((200, {"access_token": "two\nlines"}, {}), "upstream_invalid", "cannot be sent"),
        ((401, {"error": "invalid_client"}, {}), "credential_rejected", "agentos login demo"),
        ((200, {"error": "bad_refresh_token"}, {}), "credential_not_found", "agentos login demo"),
        ((200, {"ok": False, "error": "invalid_refresh_token"}, {}), "credential_not_found", "has ended"),
        ((400, {"error": {"code": "invalid_grant", "message": "It is gone"}}, {}), "credential_not_found", "gone"),
        ((400, {"errors": [{"errorType": "invalid_grant", "message": "x"}]}, {}), "credential_not_found", "ended"),
        ((400, {"errorCode": "invalid_grant", "message": "x"}, {}), "credential_not_found", "has ended"),
        ((400, {"error": "temporarily_unavailable"}, {}), "upstream_unavailable", "tried again later"),
        ((200, {"ok": False, "error": "ratelimited"}, {}), "upstream_rate_limited", "tried again later"),
        ((500, {"error": "server_error"}, {}), "upstream_failed", "answered 500"),
        (
            (200, {"error": "incorrect_client_credentials", "error_description": "Wrong secret."}, {}),
            "credential_rejected",
            "127.0.0.1 refused it (200): incorrect_client_credentials: Wrong secret.",
        ),
        ((200, {"ok": False, "error": {"message": "No such app"}}, {}), "credential_rejected", "No such app"),
    ],
)
def test_what_a_token_address_answers_is_a_clear_error(
    home: Home, answer: tuple[int, object, dict[str, str]], code: str, said: str
) -> None:
    with token_service(answer=lambda: answer) as service:
        home.logged_in(service, ends_in=-1)
        done = home.run("call", "demo", "me", "--json", "{}")
        assert (code in done.out + done.err, said in done.out + done.err) == (True, True), (done.out, done.err)
    assert (len(service.posted), service.calls) == (1, [])


@pytest.mark.parametrize("field", ["error_description", "message"])
def test_a_refresh_token_that_stands_where_the_services_words_are_cut_is_not_told(home: Home, field: str) -> None:
    with token_service() as service:
        home.logged_in(service, ends_in=-1)
        service.answer = lambda: (400, {field: "a" * 270 + service.refresh * 80}, {})
        done = home.run("call", "demo", "me")
        assert (done.code, "aaaa" in done.err, "refresh-" in done.err) == (1, True, False), done.err


def test_a_failed_renewal_is_not_tried_again_for_a_while(home: Home) -> None:
    with token_service(answer=failing) as service, ExitStack() as stack:
        home.logged_in(service, ends_in=-1)
        urls = [stack.enter_context(home.serving()) for _ in range(2)]
        assert [call(url)[1]["code"] for url in urls * 2] == ["upstream_failed"] * 4
    assert (len(service.posted), service.calls) == (1, [])


def test_a_refresh_token_goes_only_to_an_address_that_was_approved(home: Home) -> None:
    with token_service() as service:
        home.logged_in(service, ends_in=-1)
        text = SKILL.format(origin=service.origin)
        home.write("demo/readme.md", text.replace(f"{service.origin}/token", "https://stranger.example/token"))
        done = home.run("call", "demo", "me")
        assert (done.code, "nobody approved POST https://stranger.example" in done.err) == (1, True), done.err
    assert service.posted == []


def test_what_is_revoked_during_a_renewal_is_not_called(home: Home) -> None:
    revoked: list[Done] = []
    with token_service() as service, home.logged_in(service, ends_in=-1).serving() as url:
        service.before_answer = lambda: revoked.append(home.run("revoke", "demo"))
        assert call(url)[1]["code"] == "approval_required"
        assert (revoked[0].code, service.renewals, service.calls) == (0, 1, [])


def test_a_renewal_takes_no_longer_than_its_call_may_and_is_kept_for_the_next(home: Home) -> None:
    go_on = threading.Event()
    with token_service(before_answer=lambda: go_on.wait(20)) as service:
        home.logged_in(service, ends_in=-1)
        home.write("demo/readme.md", SKILL.format(origin=service.origin).replace("me}", "me, timeout: 0.2}"))
        with home.serving() as url:
            assert call(url)[1]["code"] == "upstream_timeout"
            go_on.set()
            assert call(url, "change")[0] == 200
    assert (service.renewals, len(service.calls)) == (1, 1)


def test_a_renewal_that_leaves_its_call_no_time_is_not_told_as_a_refused_key(home: Home) -> None:
    with token_service(before_answer=lambda: time.sleep(1.4)) as service:
        home.logged_in(service)
        home.write("demo/readme.md", SKILL.format(origin=service.origin).replace("me}", "me, timeout: 2.0}"))
        with home.serving() as url:
            service.expire()
            service.before_call = lambda: time.sleep(1.2)
            status, body = call(url)
            service.before_call = lambda: None
            assert (status, body["code"], "was renewed" in body["error"]) == (504, "upstream_timeout", True), body
            assert call(url)[0] == 200
    assert service.renewals == 1


def test_a_token_that_could_not_be_stored_is_stored_as_soon_as_it_can_be(home: Home) -> None:
    with token_service() as service, home.logged_in(service, ends_in=-1).serving() as url:
        file = home.home / "credentials.json"
        service.before_answer = lambda: file.chmod(0o644)
        assert "could not be stored" in call(url)[1]["error"]
        file.chmod(0o600)
        assert until(lambda: home.kept()["fields"]["refresh_token"] == service.refresh)
        assert call(url)[0] == 200
    assert service.renewals == 1


def test_a_login_during_a_renewal_is_kept(home: Home) -> None:
    with token_service() as service:
        home.logged_in(service, ends_in=-1)
        service.before_answer = lambda: home.store(service.first(), AN_HOUR)
        assert home.run("call", "demo", "me").code == 0
        assert home.kept()["fields"] == {"access_token": service.calls[0], "refresh_token": service.refresh}
    assert service.renewals == 1


def test_a_server_killed_before_the_answer_came_says_that_the_answer_is_lost(home: Home) -> None:
    """The one moment in which a token can be lost: the service has made it, and nobody holds it."""
    with token_service() as service, ThreadPoolExecutor(1) as pool:
        home.logged_in(service, ends_in=-1)
        with started([*SCRIPT, "serve", "--port", "0", "--json"], env=home.environ) as process:
            assert process.stdout is not None
            url = json.loads(process.stdout.readline())["url"]
            service.before_answer = process.kill
            with pytest.raises((OSError, EOFError)):
                pool.submit(call, url).result()
            process.wait()
        service.before_answer = lambda: None
        done = home.run("call", "demo", "me")
        assert (done.code, "its answer is lost" in done.err) == (1, True), done.err
        home.store(service.first(), AN_HOUR)
        assert home.run("call", "demo", "me").code == 0


@given(st.one_of(st.none(), st.booleans(), st.floats(), st.integers(), st.text(), st.lists(st.integers())))
def test_an_end_is_a_time_to_come_or_none(value: Any) -> None:
    seconds = read_seconds(value)
    assert seconds is None or 0 < seconds <= LONGEST_LIFE


@given(st.integers(1, 10**8))
def test_an_end_may_be_a_number_or_a_text_of_one(seconds: int) -> None:
    assert read_seconds(seconds) == read_seconds(str(seconds)) == seconds


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda below: st.lists(below) | st.dictionaries(st.text(), below),
)


@given(st.one_of(st.binary(), st.dictionaries(st.sampled_from(["access_token", "refresh_token", "x"]), JSON)))
def test_an_answer_is_a_token_or_an_error_that_quotes_nothing(answer: Any) -> None:
    body = answer if isinstance(answer, bytes) else jsontext.dump(answer)
    found = object_of(body).get("access_token")
    if isinstance(found, str) and found:
        assert read_granted(body, "access_token").key.reveal() == found
    else:
        with pytest.raises(TokenAnswerError, match=r"^holds no `access_token`$"):
            read_granted(body, "access_token")
