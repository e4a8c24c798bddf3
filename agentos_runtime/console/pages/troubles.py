"""Files of the home that cannot be read are an error of the page, with what to do."""

from collections.abc import Iterator
from contextlib import contextmanager

from agentos_runtime.errors import InternalError
from agentos_runtime.security.credentials.store import KeyringError
from agentos_runtime.storage.private_files import PrivateFileError
from agentos_runtime.storage.sqlite.files import DatabaseTrouble


@contextmanager
def told() -> Iterator[None]:
    """Raises InternalError in place of what the files' own parts raise."""
    try:
        yield
    except (PrivateFileError, KeyringError, DatabaseTrouble) as error:
        raise InternalError(str(error)) from None
