"""One server for tests that only look; tests that change something start their own."""

from collections.abc import Iterator

import pytest

from tests.server.server import Running, running
from tests.server.toy_runtime import ToyRuntime


@pytest.fixture(scope="package")
def server() -> Iterator[Running]:
    with running(ToyRuntime().open) as started:
        yield started
