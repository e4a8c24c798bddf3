"""What services gave and could not be stored: this process alone has it, and goes on trying to store it."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import TypeAlias

from agentos_runtime.security.credentials.store import CredentialStore, Entry, KeyringError
from agentos_runtime.storage.private_files import PrivateFileError

AGAIN = 1.0
"""Seconds between two attempts."""

Key: TypeAlias = tuple[str, str]
"""Skill and credential."""


class Unstored:
    """Entries, each with the one in whose place it stands."""

    def __init__(self, store: CredentialStore, sleep: Callable[[float], Awaitable[object]]) -> None:
        self._store = store
        self._sleep = sleep
        self._entries: dict[Key, tuple[Entry, Entry]] = {}
        self._task: asyncio.Task[None] | None = None

    def get(self, key: Key) -> tuple[Entry, Entry] | None:
        """What is yet to be stored of a credential: the old entry, the new one."""
        return self._entries.get(key)

    async def store(self, old: Entry, new: Entry) -> bool:
        """See CredentialStore.renew; what cannot be stored now is stored later. Raises as that."""
        key = old.skill, old.credential
        self._entries[key] = (old, new)
        try:
            is_kept = await asyncio.to_thread(self._store.renew, old, new)
        except (PrivateFileError, KeyringError):
            if self._task is None or self._task.done():
                self._task = asyncio.create_task(self._go_on())
            raise
        self._entries.pop(key, None)
        return is_kept

    @property
    def under_way(self) -> Sequence[asyncio.Task[None]]:
        return () if self._task is None or self._task.done() else (self._task,)

    async def _go_on(self) -> None:
        while self._entries:
            await self._sleep(AGAIN)
            for key, (old, new) in [*self._entries.items()]:
                with suppress(PrivateFileError, KeyringError):
                    await asyncio.to_thread(self._store.renew, old, new)
                    self._entries.pop(key, None)
