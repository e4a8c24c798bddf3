"""The credentials of a home, opened."""

import importlib
from collections.abc import Mapping

from agentos_runtime.config.settings import Settings
from agentos_runtime.security.credentials.lookup import Credentials
from agentos_runtime.security.credentials.mounted import MountedCredentials
from agentos_runtime.security.credentials.store import CredentialStore, Keyring
from agentos_runtime.storage.private_files import PrivateFile


def open_credentials(settings: Settings, environ: Mapping[str, str]) -> Credentials:
    """Those of the environment, of files and of the store. Raises KeyringError where the keyring is missing."""
    store = open_store(settings)
    store.sweep()
    mounted = MountedCredentials(settings.credentials_dir) if settings.credentials_dir else None
    return Credentials(environ, store, mounted=mounted)


def open_store(settings: Settings) -> CredentialStore:
    """What is stored, alone. Raises KeyringError when the keyring is wanted and missing."""
    return CredentialStore(PrivateFile(settings.credentials_file), _keyring() if settings.keyring else None)


def _keyring() -> Keyring:
    module = importlib.import_module("agentos_runtime.security.credentials.keyring")
    keyring: Keyring = module.SystemKeyring()
    return keyring
