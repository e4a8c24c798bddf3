"""What clients of servers on this machine share."""

import ssl
import time

import httpx

NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""For `httpx.Client(verify=…)`: trusts nobody, and saves each client reading all certificates."""


def wait_until_loaded(url: str) -> None:
    """A server on a busy machine opens while its skills load; until then who asks for one is told to come back."""
    with httpx.Client(base_url=url, timeout=60, trust_env=False, verify=NO_TLS) as client:
        while client.get("/api/health").json()["skills"].get("loading"):
            time.sleep(0.05)
