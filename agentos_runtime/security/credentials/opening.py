"""The credentials of a home, opened."""

import importlib
from collections.abc import Mapping
from typing import Any

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
    """What is stored, alone: in the home, or sealed in the database.

    Raises KeyringError when the keyring is wanted and missing, SettingsError for unusable master keys.
    """
    if settings.database is not None:
        sealed: CredentialStore = import_sealed().open_sealed(settings)
        return sealed
    return CredentialStore(PrivateFile(settings.credentials_file), _keyring() if settings.keyring else None)


def import_sealed() -> Any:
    """What knows of the database's credentials: loaded where there is one."""
    return importlib.import_module("agentos_runtime.security.credentials.sealed")


def _keyring() -> Keyring:
    module = importlib.import_module("agentos_runtime.security.credentials.keyring")
    keyring: Keyring = module.SystemKeyring()
    return keyring
