"""A ticket opens the console once: its hash names an empty file in the home, and who removes that is let in."""

import os
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from time import time

from agentos_runtime.jsontext import dump, parse
from agentos_runtime.regexes import regex
from agentos_runtime.storage.private_files import PrivateFile, PrivateFileError, make_private_folder

LIFE = 60.0
"""Seconds a ticket works."""
TICKET_BYTES = 24
_TICKET = regex(r"[A-Za-z0-9_-]{32}")


class Tickets:
    """The tickets of one home; any process of its owner makes them, any server of the home takes them.

    clock: epoch seconds.
    """

    def __init__(self, home: Path, *, clock: Callable[[], float] = time) -> None:
        self._home = home
        self._clock = clock

    def make(self) -> str:
        """A new ticket, which is kept nowhere. Raises OSError, PrivateFileError."""
        make_private_folder(self._home)
        self._sweep()
        ticket = secrets.token_urlsafe(TICKET_BYTES)
        os.close(os.open(self._file(ticket), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        return ticket

    def take(self, ticket: str) -> bool:
        """Use the ticket up. True for one caller at most, among all processes, within LIFE of its making."""
        if not _TICKET.fullmatch(ticket):
            return False
        file = self._file(ticket)
        try:
            made = file.lstat().st_mtime
            file.unlink()
        except OSError:
            return False
        return -LIFE <= self._clock() - made <= LIFE

    def waits(self, ticket: str) -> bool:
        """Whether nobody has used it yet."""
        return self._file(ticket).exists()

    def _file(self, ticket: str) -> Path:
        return self._home / f"{_BEGINS}{digest_of(ticket)}"

    def _sweep(self) -> None:
        for file in self._kept():
            with suppress(OSError):
                if abs(self._clock() - file.lstat().st_mtime) > LIFE:
                    file.unlink()

    def _kept(self) -> Iterator[Path]:
        return self._home.glob(f"{_BEGINS}*")


class SharedTickets:
    """Tickets in one document that all replicas share: hashes, and when each was made, by the document's clock."""

    def __init__(self, file: PrivateFile) -> None:
        self._file = file
        self._clock = file.now

    def make(self) -> str:
        """As Tickets.make. Raises PrivateFileError."""
        ticket = secrets.token_urlsafe(TICKET_BYTES)
        self._file.update(lambda data: _written({**self._living(data), digest_of(ticket): self._clock()}))
        return ticket

    def take(self, ticket: str) -> bool:
        """As Tickets.take."""
        digest, taken = digest_of(ticket), False

        def change(data: bytes | None) -> bytes:
            nonlocal taken
            living = self._living(data)
            taken = living.pop(digest, None) is not None
            return _written(living)

        with suppress(PrivateFileError):
            self._file.update(change)
            return taken
        return False

    def waits(self, ticket: str) -> bool:
        """As Tickets.waits."""
        contents = self._file.read()
        return digest_of(ticket) in self._living(contents.data if contents else None)

    def _living(self, data: bytes | None) -> dict[str, float]:
        known = parse(data) if data else {}
        assert isinstance(known, dict)
        now = self._clock()
        return {name: made for name, made in known.items() if isinstance(made, float) and abs(now - made) <= LIFE}


def _written(tickets: Mapping[str, float]) -> bytes:
    return dump(dict(tickets))


def digest_of(secret: str) -> str:
    """What is kept of a ticket or a key. They are random: there is nothing to guess, so a fast hash is enough."""
    return sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


_BEGINS = ".console-ticket-"
