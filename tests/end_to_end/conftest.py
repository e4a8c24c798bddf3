"""One server for the chat tests of a module; tests that change the server start their own."""

from collections.abc import Iterator

import pytest

from tests.end_to_end.chat import Chat, chat_house


@pytest.fixture(scope="package")
def shared_chat(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chat]:
    with chat_house(tmp_path_factory.mktemp("chat")) as started:
        yield started


@pytest.fixture
def chat(shared_chat: Chat) -> Chat:
    """The server, with a toy that remembers nothing."""
    shared_chat.says()
    return shared_chat
