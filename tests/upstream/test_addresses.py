"""Private addresses are connected only with approval, checked on the address that is connected."""

import ipaddress
import socket

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentos_runtime.errors import ApprovalRequired, InvalidParams, UpstreamUnreachable
from agentos_runtime.upstream.addresses import PrivateAddress, is_public, names_private_address, public_socket
from tests.toy.raw import Toy, answer
from tests.upstream.conftest import Run
from tests.upstream.support import request, send, upstream
from tests.upstream.support import settings as call_settings

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
        "::ffff:8.8.8.8",
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
]


@pytest.mark.parametrize("address", PRIVATE)
def test_a_private_address_is_not_public(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_public(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@given(st.ip_addresses(v=4))
@settings(deadline=None, max_examples=200)
def test_an_ipv4_address_is_not_more_public_inside_an_ipv6_one(address: ipaddress.IPv4Address) -> None:
    number = int(address)
    for wrapped in (0xFFFF << 32 | number, 0x64FF9B << 96 | number, 0x2002 << 112 | number << 80, number):
        assert is_public(address) or not is_public(ipaddress.IPv6Address(wrapped))


SPELLINGS = [
    *("127.0.0.1", "localhost", "LOCALHOST", "a.localhost", "a.B.localhost", "127.1", "127.0.1"),
    *("0x7f000001", "0x7f.1", "2130706433", "017700000001", "0177.0.0.1", "0", "0.0.0.0", "[::1]", "[::]"),
    *("[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[0:0:0:0:0:0:0:1]", "[64:ff9b::7f00:1]", "169.254.169.254", "10.1"),
]


@pytest.mark.parametrize("host", SPELLINGS)
def test_every_spelling_of_this_machine_needs_approval(run: Run, host: str) -> None:
    assert names_private_address(host)
    with Toy(answer()) as toy:
        for given_proxy in (None, toy.origin):
            from_settings = None if given_proxy is None else call_settings(proxy=given_proxy)
            with pytest.raises(ApprovalRequired, match="agentos keys approve"):
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
            with pytest.raises(ApprovalRequired):
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
