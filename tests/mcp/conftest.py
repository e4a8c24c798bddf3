"""One server for tests that only call; tests that change something start their own."""

from collections.abc import Iterator

import pytest

from tests.mcp.lab import CANARY, Client, Lab, lab


@pytest.fixture(scope="package")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with lab(tmp_path_factory.mktemp("mcp")) as started:
        yield started


@pytest.fixture
def client(shared: Lab) -> Iterator[Client]:
    """Of the modern era; whatever it heard held no key."""
    made = shared.client()
    yield made
    assert CANARY.encode() not in b"".join(made.heard)


@pytest.fixture
def old(shared: Lab) -> Iterator[Client]:
    """Of the era of handshakes."""
    made = shared.client(modern=False)
    yield made
    assert CANARY.encode() not in b"".join(made.heard)
