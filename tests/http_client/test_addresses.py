"""What is private is one rule: for what a skill asks for, for what is sent, and for what is connected."""

import ipaddress
import socket
from collections.abc import Callable

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from agentos_runtime.errors import ApprovalRequired, InvalidParams, UpstreamUnreachable
from agentos_runtime.http_client.addresses import PrivateAddress, public_socket
from agentos_runtime.http_client.routes import Router
from agentos_runtime.manifest.addresses import Address, is_private_host, is_public
from agentos_runtime.manifest.origins import origin_of
from agentos_runtime.security.authority import NETWORK, grants_for
from tests.http_client.conftest import Run
from tests.http_client.support import request, send, upstream
from tests.http_client.support import settings as call_settings
from tests.security.support import environment_number
from tests.sizes import examples
from tests.state.skills import rest, skill, utility
from tests.toy.raw import Toy, answer

EXAMPLES = environment_number("AGENTOS_TEST_ADDRESSES", examples(400))
"""Addresses, each in one spelling."""
PRIVATE = [
    *("127.0.0.1", "127.255.255.254", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254"),
    *(
        "0.0.0.0",
        "0.1.2.3",
        "100.64.0.1",
        "100.127.255.255",
        "192.0.0.8",
        "192.0.2.1",
        "198.18.0.1",
        "198.51.100.1",
    ),
    *("203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255"),
    *(
        "::",
        "::1",
        "fe80::1",
        "fc00::1",
        "fd12:3456::1",
        "fec0::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::8.8.8.8",
    ),
    *("64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "2002:7f00:1::", "2002:a00:1::1", "2001:db8::1"),
    *("2001::1", "::127.0.0.1", "100::1", "fd00:ec2::254", "4000::1"),
]
PUBLIC = [
    "8.8.8.8",
    "1.1.1.1",
    "172.32.0.1",
    "100.128.0.1",
    "2606:4700::1111",
    "2002:808:808::1",
    "64:ff9b::808:808",
    "::ffff:8.8.8.8",
]


@pytest.mark.parametrize("address", PRIVATE)
def test_a_private_address_is_not_public(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_public(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@given(st.ip_addresses(v=4))
@settings(deadline=None, max_examples=examples(200))
def test_an_ipv4_address_is_not_more_public_inside_an_ipv6_one(address: ipaddress.IPv4Address) -> None:
    number = int(address)
    for wrapped in (0xFFFF << 32 | number, 0x64FF9B << 96 | number, 0x2002 << 112 | number << 80, number):
        assert is_public(address) or not is_public(ipaddress.IPv6Address(wrapped))


# ------------------------------------------------------------------ the rule, against the standard library

SPECIAL = [
    *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24"),
    *("192.0.2.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4"),
    *(
        "240.0.0.0/4",
        "::/96",
        "::ffff:0:0/96",
        "64:ff9b::/96",
        "64:ff9b:1::/48",
        "100::/64",
        "2000::/3",
        "2001::/32",
    ),
    *("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8"),
]
KNOWN_TO_FEW = [
    ipaddress.ip_network(network) for network in ("192.0.0.0/24", "2001::/23", "3fff::/20", "fec0::/10")
]
"""Not public, whatever some versions of the standard library say."""


def oracle(address: Address) -> bool:
    """Whether it is public, as the standard library has it, with what an IPv6 address wraps looked into."""
    if isinstance(address, ipaddress.IPv6Address):
        number = int(address)
        if number >> 32 in (0xFFFF, 0x64FF9B << 64):
            return oracle(ipaddress.IPv4Address(number & 0xFFFFFFFF))
        if number >> 112 == 0x2002:
            return oracle(ipaddress.IPv4Address(number >> 80 & 0xFFFFFFFF))
        if number >> 125 != 1:
            return False
    known = not any(address in network for network in KNOWN_TO_FEW)
    return known and address.is_global and not address.is_multicast


@st.composite
def addresses(draw: st.DrawFn) -> Address:
    """Any address, and more often one at or beside the border of a special network."""
    if draw(st.booleans()):
        return draw(st.ip_addresses())
    network = ipaddress.ip_network(draw(st.sampled_from(SPECIAL)))
    edge = draw(st.sampled_from([network[0], network[-1]]))
    number = (int(edge) + draw(st.integers(-2, 2))) % (1 << edge.max_prefixlen)
    return type(edge)(number)


def in_base(form: str, shorten: int) -> Callable[[int], str]:
    """The IPv4 address in so many numbers less than four, written in one base."""

    def spell(number: int) -> str:
        first = [number >> (24 - 8 * at) & 0xFF for at in range(3 - shorten)]
        last = number & ((1 << 8 * (shorten + 1)) - 1)
        return ".".join(form.format(each) for each in (*first, last))

    return spell


NUMBERS = [in_base(form, shorten) for form in ("{}", "0{:o}", "0x{:x}", "0X{:X}") for shorten in range(4)]


def host_of_ipv6(address: ipaddress.IPv6Address, draw: st.DrawFn) -> str:
    text = draw(st.sampled_from([str(address), address.exploded, str(address).upper()]))
    return f"[{text}]"


@st.composite
def spelled(draw: st.DrawFn) -> tuple[Address, str]:
    """An address, and a host that is a spelling of it."""
    address = draw(addresses())
    if isinstance(address, ipaddress.IPv6Address):
        return address, host_of_ipv6(address, draw)
    number = int(address)
    form = draw(st.integers(0, 2))
    if form == 0:
        return address, draw(st.sampled_from(NUMBERS))(number)
    if form == 1:
        inside = ipaddress.IPv6Address(draw(st.sampled_from([0xFFFF << 32, 0, 0x64FF9B << 96])) | number)
        return inside, host_of_ipv6(inside, draw)
    inside = ipaddress.IPv6Address(0x2002 << 112 | number << 80)
    return inside, host_of_ipv6(inside, draw)


def asks_for_the_network(origin: str) -> bool:
    """Whether a skill that calls the origin without a key asks for an approval all the same."""
    subject = skill(utility("fetch", call=rest(f"{origin}/x", method="GET"), credential=None))
    fetch = subject.utilities["fetch"]
    grants = grants_for(subject, fetch, origin, "GET", fetch.rest)
    return any(grant.placement == NETWORK for grant in grants)


def is_refused(url: str, *, allow_private: bool, proxy: str | None = None) -> bool:
    try:
        Router(call_settings(proxy=proxy)).destination(url, allow_private=allow_private)
    except ApprovalRequired:
        return True
    return False


def test_what_was_approved_once_is_asked_again_of_a_url_that_is_known() -> None:
    router, url = Router(call_settings()), "http://127.0.0.1:8080/x"
    known = router.destination(url, allow_private=True)
    assert router.destination(url, allow_private=True) is known
    with pytest.raises(ApprovalRequired):
        router.destination(url, allow_private=False)


def agrees(host: str, private: bool) -> None:
    """What the file asks for, what is sent, with a proxy or without, and what is approved all know the same."""
    origin = origin_of(f"http://{host}:8080")
    assert origin is not None
    assert asks_for_the_network(origin) is private
    assert is_refused(f"{origin}/x", allow_private=False) is private
    assert is_refused(f"{origin}/x", allow_private=False, proxy="http://proxy.example:3128") is private
    assert not is_refused(f"{origin}/x", allow_private=True)


@given(spelled())
@settings(deadline=None, max_examples=EXAMPLES)
@example((ipaddress.IPv6Address("fec0::1"), "[fec0::1]"))
@example((ipaddress.IPv6Address("2001:0:1::1"), "[2001:0:1::1]"))
def test_whoever_asks_about_an_address_gets_the_same_answer_however_it_is_spelled(
    case: tuple[Address, str],
) -> None:
    address, host = case
    private = not oracle(address)
    agrees(host, private)
    assert is_private_host(host) is private
    assert is_private_host(host.translate(FULL_WIDTH) + "\u3002") is private
    assert connects(str(address)) is not private


FULL_WIDTH = {ord(mark): chr(ord(mark) + 0xFEE0) for mark in "0123456789."}


def connects(address: str) -> bool:
    """Whether a connection without approval is tried."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        public_socket((family, socket.SOCK_STREAM, 0, "", (address, 80))).close()
    except PrivateAddress:
        return False
    return True


OWN_NAMES = ["localhost", "nas", "a.localhost", "nas.local", "metadata.google.internal", "x.y.lan", "b.home.arpa"]
PUBLIC_NAMES = [
    "openrouter.ai",
    "localhost.example.com",
    "local.ai",
    "internal.dev",
    "xn--bcher-kva.example",
    "a-1.io",
]


@pytest.mark.parametrize("name", [*OWN_NAMES, *PUBLIC_NAMES])
def test_a_name_that_no_public_zone_can_hold_is_private(name: str) -> None:
    private = name in OWN_NAMES
    agrees(name, private)
    agrees(name.upper(), private)
    assert is_private_host(f"{name}.") is private


@pytest.mark.parametrize("host", ["1.2.3.4.5", "256.1.1.1", "a.0x1", "a.1", "09.1.1.1", "1.2.3", "0x7f.1"])
def test_what_ends_like_a_number_and_is_no_public_address_is_private(host: str) -> None:
    agrees(host, private=host != "1.2.3")


@pytest.mark.parametrize(
    "host", ["", "a b.example", "a/b.example", "127.0.0.1%00", "[::1", "fe80::1%eth0", "::1]."]
)
def test_a_host_that_nobody_can_read_is_private(host: str) -> None:
    assert is_private_host(host)


# ------------------------------------------------------------------ the connection

SPELLINGS = [
    *("127.0.0.1", "localhost", "LOCALHOST", "a.localhost", "a.B.localhost", "127.1", "127.0.1"),
    *("0x7f000001", "0x7f.1", "2130706433", "017700000001", "0177.0.0.1", "0", "0.0.0.0", "[::1]", "[::]"),
    *("[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[0:0:0:0:0:0:0:1]", "[64:ff9b::7f00:1]", "169.254.169.254", "10.1"),
]


@pytest.mark.parametrize("host", SPELLINGS)
def test_every_spelling_of_this_machine_needs_approval(run: Run, host: str) -> None:
    assert is_private_host(host)
    with Toy(answer()) as toy:
        for given_proxy in (None, toy.origin):
            from_settings = None if given_proxy is None else call_settings(proxy=given_proxy)
            with pytest.raises(ApprovalRequired, match="agentos approve"):
                run(send(request(f"http://{host}:{toy.port}/"), from_settings, private=False))
        assert toy.connections == []


@pytest.mark.parametrize(
    "host",
    [
        "localhost.",
        "a.localhost.",
        "127.0.0.1.",
        "127.0.0.1\u3002",
        "①②⑦.⓪.⓪.①",
        "user@127.0.0.1",
        "a b",
        "127.0.0.1%00",
        "api.example.com:0",
        "ex\\ample.com",
    ],
)
def test_a_host_that_is_none_is_refused(run: Run, host: str) -> None:
    with pytest.raises(InvalidParams):
        run(send(request(f"http://{host}/"), private=False))


def test_a_name_that_leads_inside_needs_approval_whatever_it_led_to_before(run: Run) -> None:
    answers = iter([["127.0.0.1"], ["169.254.169.254"], ["::1", "10.0.0.1"], ["127.1"], ["localhost"]])

    async def rebinding(host: str, port: int) -> list[str]:
        return next(answers)

    with Toy(answer()) as toy:
        for _ in range(5):
            with pytest.raises(ApprovalRequired, match=r"AGENTOS_REWRITE=http://rebinding\.example"):
                run(send(request(f"http://rebinding.example:{toy.port}/"), private=False, resolve=rebinding))
        assert toy.connections == []


def test_a_name_that_is_approved_may_lead_inside(run: Run) -> None:
    async def inside(host: str, port: int) -> list[str]:
        return ["127.0.0.1"]

    with Toy(answer(204)) as toy:
        assert run(send(request(f"http://ollama.example:{toy.port}/"), resolve=inside)).status == 204
        assert toy.requests[0].header("host") == f"ollama.example:{toy.port}"


def test_a_connection_made_with_approval_is_not_used_without(run: Run) -> None:
    async def inside(host: str, port: int) -> list[str]:
        return ["127.0.0.1"]

    async def approve_then_withdraw() -> None:
        async with upstream(resolve=inside) as out:
            wanted = request(f"http://name.example:{toy.port}/")
            await out.send(wanted, timeout=10, allow_private=True)
            with pytest.raises(ApprovalRequired):
                await out.send(wanted, timeout=10, allow_private=False)

    with Toy(answer()) as toy:
        run(approve_then_withdraw())
        assert len(toy.requests) == 1


def test_a_host_that_is_a_number_in_disguise_is_not_connected(run: Run) -> None:
    with pytest.raises(UpstreamUnreachable, match="neither a name nor an address"):
        run(send(request("http://134744072/"), private=False))


@pytest.mark.parametrize("host", ["localhost", "127.1", "name.example", ""])
def test_a_socket_is_made_for_canonical_addresses_only(host: str) -> None:
    with pytest.raises(PrivateAddress):
        public_socket((socket.AF_INET, socket.SOCK_STREAM, 0, "", (host, 80)))
