"""The operating system's keyring, asked for at most a second. Loaded only when the setting `keyring` is on."""

import threading
import time
from collections.abc import Callable
from typing import TypeVar

from agentos_runtime.security.credentials.store import KeyringError

try:
    import keyring
    from keyring.backend import KeyringBackend
    from keyring.errors import KeyringError as BackendError
except ImportError as error:
    raise KeyringError("the setting `keyring` needs a package: pip install 'agentos-runtime[keyring]'") from error

SERVICE = "agentos-runtime"
LIMIT = 1.0
"""Seconds a keyring may take: one that asks its user for a password must not hold up a server."""

SILENCE = 30.0
"""Seconds for which a keyring that did not answer is not asked again."""

T = TypeVar("T")


class SystemKeyring:
    """The keyring that `keyring` chooses on this system, or the one given. Every method raises KeyringError."""

    def __init__(self, backend: KeyringBackend | None = None, *, limit: float = LIMIT) -> None:
        self._limit = limit
        self._silent_until = 0.0
        self._backend = backend or self._bounded(keyring.get_keyring)

    def probe(self) -> None:
        """Ask for something that is not there: raises KeyringError unless the keyring answers."""
        self.get("probe")

    def get(self, account: str) -> str | None:
        return self._bounded(lambda: self._backend.get_password(SERVICE, account))

    def set(self, account: str, text: str) -> None:
        self._bounded(lambda: self._backend.set_password(SERVICE, account, text))

    def delete(self, account: str) -> None:
        """Also what somebody else has deleted: keyrings refuse that."""
        if self.get(account) is not None:
            self._bounded(lambda: self._backend.delete_password(SERVICE, account))

    def _bounded(self, ask: Callable[[], T]) -> T:
        if time.monotonic() < self._silent_until:
            raise KeyringError(self._silence())
        answers: list[T] = []
        failures: list[str] = []

        def run() -> None:
            try:
                answers.append(ask())
            except (BackendError, OSError, RuntimeError) as error:
                failures.append(type(error).__name__)

        # A thread of its own that may be left behind: an executor would wait for it when the process ends.
        thread = threading.Thread(target=run, name="keyring", daemon=True)
        thread.start()
        thread.join(self._limit)
        if answers:
            return answers[0]
        if failures:
            raise KeyringError(f"the keyring refused ({failures[0]}): unlock it, or turn the setting `keyring` off")
        self._silent_until = time.monotonic() + SILENCE
        raise KeyringError(self._silence())

    def _silence(self) -> str:
        return f"the keyring did not answer within {self._limit:g} s: unlock it, or turn the setting `keyring` off"
