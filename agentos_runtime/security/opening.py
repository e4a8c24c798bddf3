"""The approvals of a home, and the credential broker over them."""

from collections.abc import Mapping

from agentos_runtime.config.settings import Settings
from agentos_runtime.security.approvals import Approvals
from agentos_runtime.security.broker import CredentialBroker
from agentos_runtime.security.bundled import read_bundled
from agentos_runtime.security.credentials.opening import open_credentials
from agentos_runtime.storage.files import file_of


def open_approvals(settings: Settings) -> Approvals:
    """What was approved: bundled, rewritten, or in `agentos.lock`."""
    return Approvals(file_of(settings, settings.lock_file), bundled=read_bundled(), rewrite=settings.rewrite)


def open_broker(settings: Settings, environ: Mapping[str, str]) -> CredentialBroker:
    """The operator's keys and approvals. Raises PrivateFileError, KeyringError."""
    return CredentialBroker(open_credentials(settings, environ), open_approvals(settings))
