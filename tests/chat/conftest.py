"""Worker processes shared by the tests of one module."""

from collections.abc import Iterator

import pytest

from tests.chat.support import Expressions


@pytest.fixture(scope="module")
def expressions() -> Iterator[Expressions]:
    running = Expressions()
    yield running
    running.close()
