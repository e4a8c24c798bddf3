"""Hosts that no call can go to are told where they stand, with what to write."""

import pytest

from tests.manifest.loading import problems, utility

FOREIGN = "has a host with letters beyond ASCII, which is called by its ASCII form"
REGISTERED = "Write the host as it is registered and, if it needs one, a port from 1 to 65535"
HOSTS = {
    "bücher.example": (f"{FOREIGN}: `xn--bcher-kva.example`", "Write xn--bcher-kva.example for the host"),
    "例え.example:8443": (f"{FOREIGN}: `xn--r8jz45g.example`", "Write xn--r8jz45g.example for the host"),
    "faß.example": (FOREIGN, "Write the host as it is registered, `xn--…`"),
    "\uff11\uff12\uff17.0.0.1": (FOREIGN, "Write the host as it is registered, `xn--…`"),
    "example.com.": ("has a host that ends in a dot", "Write it without the dot"),
    "example.com:0": ("has a host or port that cannot be called", REGISTERED),
    "*.example.com": ("has a host or port that cannot be called", REGISTERED),
}


@pytest.mark.parametrize("host", HOSTS)
def test_a_host_that_cannot_be_called_is_told_with_what_to_write(host: str) -> None:
    what, fix = HOSTS[host]
    found = [(each.message, each.fix) for each in problems(utility(f"url: https://{host}/x"))]
    assert found == [(f"this url {what}", fix)]
    below = utility("url: /x", above=f"api: {{base_url: 'https://{host}'}}")
    assert [(each.message, each.fix) for each in problems(below)] == [(f"this url {what}", fix)]
