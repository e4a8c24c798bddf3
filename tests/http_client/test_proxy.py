"""With a proxy the peer is the proxy: where a name leads is looked at before the proxy is asked for it."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentos_runtime.errors import ApprovalRequired, UpstreamTimeout, UpstreamUnreachable
from agentos_runtime.http_client import UpstreamResponse
from tests.http_client.conftest import Run
from tests.http_client.support import request, send, upstream
from tests.http_client.support import settings as call_settings
from tests.sizes import examples
from tests.toy.raw import Toy, answer

URLS = ["http://api.example.com/v1", "https://api.example.com/v1", "https://api.example.com:8443/"]
INSIDE = [
    ["127.0.0.1"],
    ["169.254.169.254"],
    ["1.1.1.1", "10.0.0.1"],
    ["2606:4700::1111", "fd00::1"],
    ["::ffff:10.0.0.1"],
    ["64:ff9b::7f00:1"],
    ["fe80::1%eth0"],
    ["127.1"],
    ["localhost"],
]


Resolver: TypeAlias = Callable[[str, int], Awaitable[list[str]]]


class Zone:
    """What names lead to, and who asked."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = list(addresses)
        self.asked: list[tuple[str, int]] = []

    async def __call__(self, host: str, port: int) -> list[str]:
        self.asked.append((host, port))
        await asyncio.sleep(0)
        if not self.addresses:
            raise OSError("no such name")
        return self.addresses


async def hanging(host: str, port: int) -> list[str]:
    await asyncio.get_running_loop().create_future()
    return []


def through(
    proxy: Toy, url: str, resolve: Resolver, proxy_resolves: bool = False
) -> Coroutine[Any, Any, UpstreamResponse]:
    return send(
        request(url),
        call_settings(proxy=proxy.origin, proxy_resolves=proxy_resolves),
        private=False,
        resolve=resolve,
    )


@pytest.mark.parametrize("addresses", INSIDE, ids=" ".join)
def test_a_name_that_leads_inside_is_not_given_to_the_proxy(run: Run, addresses: list[str]) -> None:
    with Toy(answer()) as proxy:
        for url in URLS:
            with pytest.raises(ApprovalRequired, match="leads to an address inside this machine or network"):
                run(through(proxy, url, Zone(*addresses)))
        assert proxy.connections == []


def test_a_name_that_leads_outside_is_given_to_the_proxy_as_it_is(run: Run) -> None:
    zone = Zone("1.1.1.1", "2606:4700::1111")
    with Toy(answer(204)) as proxy:
        assert run(through(proxy, URLS[0], zone)).status == 204
        assert proxy.requests[0].target == URLS[0]
    with Toy(answer(403)) as proxy:
        with pytest.raises(UpstreamUnreachable, match=r"proxy.*403"):
            run(through(proxy, URLS[2], zone))
        assert (proxy.requests[0].method, proxy.requests[0].target) == ("CONNECT", "api.example.com:8443")
    assert zone.asked == [("api.example.com", 80), ("api.example.com", 8443)]


def test_a_name_that_is_not_known_here_is_not_given_to_the_proxy_unless_the_operator_lets_it(run: Run) -> None:
    with Toy(answer(204)) as proxy:
        for addresses in (Zone(), _empty):
            with pytest.raises(UpstreamUnreachable, match="AGENTOS_PROXY_RESOLVES=true"):
                run(through(proxy, URLS[0], addresses))
        assert proxy.connections == []
        inside = Zone("10.0.0.1")
        assert run(through(proxy, URLS[0], inside, proxy_resolves=True)).status == 204
        assert inside.asked == []
        with pytest.raises(ApprovalRequired, match="agentos"):
            run(through(proxy, "http://10.0.0.1/", inside, proxy_resolves=True))


async def _empty(host: str, port: int) -> list[str]:
    return []


def test_a_public_address_needs_no_look(run: Run) -> None:
    zone = Zone("10.0.0.1")
    with Toy(answer(204)) as proxy:
        assert run(through(proxy, "http://1.1.1.1/", zone)).status == 204
        assert run(through(proxy, "http://[2606:4700::1111]/", zone)).status == 204
    assert zone.asked == []


def test_calls_at_one_time_look_once_and_one_that_leaves_takes_nothing_from_the_others(run: Run) -> None:
    zone = Zone("1.1.1.1")

    async def together() -> list[UpstreamResponse | BaseException]:
        async with upstream(call_settings(proxy=proxy.origin), resolve=zone) as out:
            calls = [asyncio.ensure_future(out.send(request(URLS[0]), timeout=10)) for _ in range(5)]
            await asyncio.sleep(0)
            calls[0].cancel()
            return await asyncio.gather(*calls, return_exceptions=True)

    with Toy(answer(204)) as proxy:
        first, *others = run(together())
        assert isinstance(first, asyncio.CancelledError)
        assert [each.status for each in others] == [204] * 4
        assert len(zone.asked) == 1


def test_a_name_is_looked_at_again_when_it_led_inside_or_failed(run: Run) -> None:
    zone = Zone()

    async def tries() -> None:
        async with upstream(call_settings(proxy=proxy.origin), resolve=zone) as out:
            for addresses, refusal in (([], UpstreamUnreachable), (["10.0.0.1"], ApprovalRequired)):
                zone.addresses = addresses
                with pytest.raises(refusal):
                    await out.send(request(URLS[0]), timeout=10)
            zone.addresses = ["1.1.1.1"]
            assert (await out.send(request(URLS[0]), timeout=10)).status == 204

    with Toy(answer(204)) as proxy:
        run(tries())
        assert len(proxy.requests) == 1


def test_a_look_that_takes_long_ends_with_the_call(run: Run) -> None:
    async def impatient() -> None:
        async with upstream(call_settings(proxy=proxy.origin), resolve=hanging) as out:
            with pytest.raises(UpstreamTimeout):
                await out.send(request(URLS[0]), timeout=0.05)

    with Toy(answer()) as proxy:
        run(impatient())
        assert proxy.connections == []


def test_an_approved_call_goes_to_the_proxy_wherever_its_name_leads(run: Run) -> None:
    zone = Zone("10.0.0.1")
    with Toy(answer(204)) as proxy:
        wanted = send(request(URLS[0]), call_settings(proxy=proxy.origin), private=True, resolve=zone)
        assert run(wanted).status == 204
    assert zone.asked == []


def test_one_address_inside_among_others_is_enough_to_refuse(run: Run) -> None:
    @given(
        st.lists(st.sampled_from([each for row in INSIDE for each in row] + ["8.8.8.8"]), min_size=1, max_size=3)
    )
    @settings(deadline=None, max_examples=examples(20))
    def any_of_them_counts(addresses: list[str]) -> None:
        inside = any(address not in ("1.1.1.1", "2606:4700::1111", "8.8.8.8") for address in addresses)
        with Toy(answer(204)) as proxy:
            try:
                run(through(proxy, URLS[0], Zone(*addresses)))
            except ApprovalRequired:
                assert inside
            else:
                assert not inside
            assert (proxy.connections == []) is inside

    any_of_them_counts()
