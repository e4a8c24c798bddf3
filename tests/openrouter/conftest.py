"""One server for the tests of this package; tests that change the server start their own."""

from collections.abc import Iterator

import pytest

from tests.openrouter.support import Desk, desk


@pytest.fixture(scope="package")
def shared_desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with desk(tmp_path_factory.mktemp("openrouter")) as opened:
        yield opened


@pytest.fixture
def counter(shared_desk: Desk) -> Desk:
    """The server, with an upstream that remembers nothing."""
    shared_desk.says()
    return shared_desk
