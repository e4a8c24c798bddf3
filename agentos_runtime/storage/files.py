"""Where a private file of the home stands: in the home, or, with a database, as a document that replicas share."""

from dataclasses import replace
from importlib import import_module
from pathlib import Path

from agentos_runtime.config.settings import Settings, SettingsError
from agentos_runtime.storage.private_files import LOCK_WAIT, PrivateFile


def file_of(settings: Settings, path: Path, *, lock_wait: float = LOCK_WAIT) -> PrivateFile:
    """The one of this name. See `with_database`."""
    if settings.documents is None:
        return PrivateFile(path, lock_wait=lock_wait)
    shared: PrivateFile = settings.documents.named(path.name)
    return shared


def with_database(settings: Settings) -> Settings:
    """The same settings, with the documents of their database at hand; nothing is asked of it yet.

    Raises SettingsError when what speaks to a database is not installed.
    """
    if settings.database is None or settings.documents is not None:
        return settings
    try:
        module = import_module("agentos_runtime.storage.postgres.documents")
    except ModuleNotFoundError as error:
        raise SettingsError(
            f"AGENTOS_DATABASE is set, and {error.name} is not installed: pip install 'agentos-runtime[postgres]'"
        ) from None
    return replace(settings, documents=module.open_documents(settings))
