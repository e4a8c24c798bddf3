"""The credentials of a home, opened."""

import importlib
from collections.abc import Mapping

from agentos_runtime.credentials.lookup import Credentials
from agentos_runtime.credentials.store import CredentialStore, Keyring
from agentos_runtime.private_files import PrivateFile
from agentos_runtime.settings import Settings


def open_credentials(settings: Settings, environ: Mapping[str, str]) -> Credentials:
    """The environment's and the stored credentials. Raises KeyringError when the keyring is wanted and missing."""
    store = CredentialStore(PrivateFile(settings.credentials_file), _keyring() if settings.keyring else None)
    store.sweep()
    return Credentials(environ, store)


def _keyring() -> Keyring:
    module = importlib.import_module("agentos_runtime.credentials.keyring")
    keyring: Keyring = module.SystemKeyring()
    return keyring
