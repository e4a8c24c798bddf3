"""Urls go out as they are, to where the operator says, and nowhere else."""

import string
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentos_runtime.errors import UpstreamUnreachable
from agentos_runtime.http_client import UpstreamRequest
from tests.http_client.conftest import Run
from tests.http_client.support import SECRET, post, request, send, upstream
from tests.http_client.support import settings as call_settings
from tests.sizes import examples
from tests.toy.raw import Toy, answer, echo, redirect, refusing

UNRESERVED = string.ascii_letters + string.digits + "-._~!$&'()*+,;=:@%/|{}^\"<>[]`\\"
TARGETS = st.builds(
    lambda path, query: "/" + path + ("?" + query if query else ""),
    st.text(UNRESERVED, max_size=40),
    st.text(UNRESERVED + "?", max_size=40),
)


def test_a_url_goes_out_byte_for_byte(run: Run) -> None:
    @given(st.lists(TARGETS, min_size=20, max_size=20))
    @settings(deadline=None, max_examples=examples(15))
    def urls_arrive_as_sent(targets: list[str]) -> None:
        async def send_all() -> None:
            async with upstream() as out:
                for target in targets:
                    await out.send(request(toy.url(target)), timeout=10, allow_private=True)

        with Toy(answer()) as toy:
            run(send_all())
            assert [received.target for received in toy.requests] == targets

    urls_arrive_as_sent()


def test_a_request_carries_what_it_was_given_and_little_else(run: Run) -> None:
    with Toy(echo) as toy:
        run(send(UpstreamRequest("POST", toy.url("/x"), (("X-B", "1"), ("x-a", "2"), ("X-B", "3")), b"body")))
        received = toy.requests[0]
        expected = (
            f"POST /x HTTP/1.1\r\nHost: 127.0.0.1:{toy.port}\r\n"
            f"User-Agent: {received.header('user-agent')}\r\nAccept-Encoding: gzip\r\n"
            "X-B: 1\r\nx-a: 2\r\nX-B: 3\r\nAccept: */*\r\nContent-Length: 4\r\n\r\nbody"
        )
        assert received.raw == expected.encode()
        assert (received.header("user-agent") or "").startswith("agentos-runtime/")


def test_a_header_of_the_request_replaces_the_usual_one(run: Run) -> None:
    own = (("user-agent", "mine/1"), ("ACCEPT-ENCODING", "identity"))
    with Toy(echo) as toy:
        run(send(UpstreamRequest("GET", toy.url(), own)))
        assert [toy.requests[0].header(name) for name, _ in own] == ["mine/1", "identity"]


def test_a_redirect_is_passed_on_and_the_key_stays_home(run: Run) -> None:
    with Toy(answer()) as elsewhere:
        for status in (301, 302, 303, 307, 308):
            with Toy(redirect(elsewhere.url("/steal"), status)) as toy:
                response = run(send(post(toy.url())))
                assert (response.status, response.headers["location"]) == (status, elsewhere.url("/steal"))
                assert len(toy.requests) == 1
        assert elsewhere.connections == []


def test_a_cookie_is_not_kept(run: Run) -> None:
    async def inside(host: str, port: int) -> list[str]:
        return ["127.0.0.1"]

    async def two_calls() -> None:
        async with upstream(resolve=inside) as out:
            for _ in range(2):
                wanted = request(f"http://api.example.com:{toy.port}/")
                await out.send(wanted, timeout=10, allow_private=True)

    with Toy(answer(headers=[("Set-Cookie", "a=b"), ("Set-Cookie", "c=d")])) as toy:
        run(two_calls())
        assert toy.requests[1].header("cookie") is None


@pytest.mark.parametrize("prefix", ["", "/mock/v2"])
@pytest.mark.parametrize(
    "spelling", ["https://api.example.com", "https://API.example.com:443", "HTTPS://api.example.com"]
)
def test_calls_of_a_rewritten_origin_go_where_the_operator_says(run: Run, prefix: str, spelling: str) -> None:
    with Toy(answer()) as toy, refusing() as proxy:
        given_settings = call_settings(rewrite={"https://api.example.com": toy.origin + prefix}, proxy=proxy)
        run(send(request(spelling + "/v1/x?y=%41"), given_settings, private=False))
        assert toy.requests[0].target == prefix + "/v1/x?y=%41"
        assert toy.requests[0].header("host") == f"127.0.0.1:{toy.port}"


def test_errors_name_the_origin_that_was_called(run: Run) -> None:
    with refusing() as nobody:
        given_settings = call_settings(rewrite={"https://api.example.com": nobody})
        with pytest.raises(UpstreamUnreachable, match=r"https://api\.example\.com cannot"):
            run(send(request("https://api.example.com/v1"), given_settings))


def test_all_else_goes_through_the_proxy_under_its_name(run: Run) -> None:
    async def outside(host: str, port: int) -> list[str]:
        return ["1.1.1.1"]

    with Toy(answer(204)) as proxy:
        given_settings = call_settings(proxy=f"http://me:{SECRET}@127.0.0.1:{proxy.port}")
        got = run(send(request("http://api.example.com/v1?a=%2F"), given_settings, private=False, resolve=outside))
        assert got.status == 204
        assert proxy.requests[0].target == "http://api.example.com/v1?a=%2F"
        assert (proxy.requests[0].header("proxy-authorization") or "").startswith("Basic ")


def test_a_proxy_that_refuses_is_named(run: Run) -> None:
    with Toy(answer(407)) as proxy:
        given_settings = call_settings(proxy=f"http://me:{SECRET}@127.0.0.1:{proxy.port}")
        with pytest.raises(UpstreamUnreachable, match=r"proxy.*407") as caught:
            run(send(request("https://api.example.com/v1"), given_settings))
    assert SECRET not in str(caught.value)
    assert proxy.requests[0].target == "api.example.com:443"
    assert SECRET not in proxy.requests[0].head.decode()
    with refusing() as nobody, pytest.raises(UpstreamUnreachable, match="AGENTOS_PROXY"):
        run(send(request("https://api.example.com/v1"), call_settings(proxy=nobody)))


@pytest.mark.parametrize("body", [b"who calls?", b""])
def test_a_proxy_that_asks_who_calls_is_not_taken_for_the_service(run: Run, body: bytes) -> None:
    async def outside(host: str, port: int) -> list[str]:
        return ["1.1.1.1"]

    async def opened() -> None:
        async with upstream(given_settings, resolve=outside) as out:
            await out.open(request("http://api.example.com/v1"), timeout=9, idle_timeout=9)

    with Toy(answer(407, body)) as proxy:
        given_settings = call_settings(proxy=f"http://me:{SECRET}@127.0.0.1:{proxy.port}")
        asked = send(request("http://api.example.com/v1"), given_settings, private=False, resolve=outside)
        for ask in (asked, opened()):
            with pytest.raises(
                UpstreamUnreachable, match=r"proxy \(AGENTOS_PROXY\) answered 407.*password"
            ) as caught:
                run(ask)
            assert SECRET not in str(caught.value)


def test_an_approved_address_of_this_machine_is_not_asked_of_the_proxy(run: Run) -> None:
    with Toy(answer()) as toy, refusing() as proxy:
        assert run(send(request(toy.url()), call_settings(proxy=proxy))).status == 200


def test_neither_a_proxy_nor_a_password_of_the_environment_is_used(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text(f"machine 127.0.0.1 login me password {SECRET}\n")
    netrc.chmod(0o600)
    with Toy(answer()) as toy, refusing() as proxy:
        for name, value in {"http_proxy": proxy, "no_proxy": "", "NETRC": str(netrc)}.items():
            monkeypatch.setenv(name, value)
        assert run(send(UpstreamRequest("GET", toy.url(), (), None))).status == 200
        assert toy.requests[0].header("authorization") is None


def test_a_request_shows_neither_headers_nor_query() -> None:
    shown = repr(post(f"https://api.example.com/v1?key={SECRET}"))
    assert SECRET not in shown
    assert "https://api.example.com/v1" in shown
