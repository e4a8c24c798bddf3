"""One server for tests that only look and call."""

from collections.abc import Iterator

import httpx
import pytest

from tests.openapi.lab import bundled


@pytest.fixture(scope="package")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    with bundled(tmp_path_factory.mktemp("openapi")) as made:
        yield made
