"""One house for all tests that change nothing about it."""

from collections.abc import Iterator

import pytest

from tests.proxy.lab import Lab, lab
from tests.toy.raw import answer_json


@pytest.fixture(scope="package")
def shared_lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with lab(tmp_path_factory.mktemp("proxy")) as started:
        yield started


@pytest.fixture
def here(shared_lab: Lab) -> Lab:
    """The house, with a service that remembers nothing."""
    shared_lab.upstream.says(answer_json({"ok": True}))
    return shared_lab
