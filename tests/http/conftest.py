"""One server for tests that only look; tests that change something start their own."""

from collections.abc import Iterator

import pytest

from tests.http.server import Running, running
from tests.http.toy_runtime import ToyRuntime


@pytest.fixture(scope="package")
def server() -> Iterator[Running]:
    with running(ToyRuntime().open) as started:
        yield started
