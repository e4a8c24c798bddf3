"""The way into the console: which addresses it has, and what opens it."""

import hmac
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import field
from time import time
from urllib.parse import urlsplit

from agentos_runtime.config.settings import Settings
from agentos_runtime.console.access.sessions import Sessions, at_once
from agentos_runtime.console.access.tickets import LIFE, SharedTickets, Tickets
from agentos_runtime.errors import ConsoleLocked, RateLimited
from agentos_runtime.frozen import dataclass
from agentos_runtime.storage.file_threads import OneAtATime
from agentos_runtime.storage.files import file_of

TRIES = 5
"""How often a minute the operator's token may be typed in."""
LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})


@dataclass(slots=True)
class Door:
    """Lets browsers in, at addresses where nobody listens on the way: loopback, and the origin with TLS in front.

    origin: `AGENTOS_CONSOLE_ORIGIN`. clock: epoch seconds.
    """

    sessions: Sessions
    tickets: Tickets | SharedTickets
    origin: str | None = None
    operator_token: str | None = field(default=None, repr=False)
    port: int = 3456
    clock: Callable[[], float] = time
    _tries: "deque[float]" = field(default_factory=lambda: deque(maxlen=TRIES))

    def label_of(self, key: str, host: str) -> str | None:
        """The label of the session that has this key, if it may be used at this `Host`."""
        return self.sessions.label_of(key) if self._is_private(host) else None

    def takes_token(self, host: str) -> bool:
        """Whether the operator's token is taken at this `Host`."""
        return self.operator_token is not None and self._is_origin(host)

    def address(self, host: str) -> str | None:
        """The console as whoever reaches the server at this `Host` can open it; None where it stays locked."""
        if self.origin is not None and self._is_origin(host):
            return f"{self.origin.rstrip('/')}/console/"
        return f"http://{host}/console/" if self._is_private(host) else None

    def is_known_origin(self, host: str) -> bool:
        """Whether it is the operator's word that a proxy stands in front of this `Host`."""
        return self._is_origin(host)

    def enter_with_ticket(self, ticket: str, host: str, label: str) -> str:
        """The key of a new session. Raises ConsoleLocked, PrivateFileError."""
        self.check(host)
        if self.tickets.take(ticket):
            return self.sessions.begin(label, ticket)
        ended = self.sessions.end_of_ticket(ticket)
        if ended is not None:
            logging.getLogger("agentos.console").warning(
                "a console ticket was used a second time, by %s: the session of %s is ended", label, ended
            )
            raise ConsoleLocked("This link was used twice, so the session it had opened is ended. " + AGAIN)
        raise ConsoleLocked(
            f"This link does not open this console: it works once, for {LIFE:.0f} s, with the same AGENTOS_HOME. "
            + AGAIN
        )

    def enter_with_token(self, token: str, host: str, label: str) -> str:
        """The key of a new session, for the operator's token. Raises as the other, and RateLimited."""
        self.check(host)
        if not self.takes_token(host):
            raise ConsoleLocked("The operator's token is not taken at this address. " + AGAIN)
        now = self.clock()
        if len(self._tries) == TRIES and now - self._tries[0] < 60:
            raise RateLimited(
                f"The operator's token was tried {TRIES} times within a minute. Wait.",
                retry_after=60 - (now - self._tries[0]),
            )
        self._tries.append(now)
        assert self.operator_token is not None
        if not hmac.compare_digest(token.encode("utf-8", "surrogatepass"), self.operator_token.encode()):
            logging.getLogger("agentos.console").warning("a wrong operator token was typed into the console")
            raise ConsoleLocked("This is not the operator's token (AGENTOS_OPERATOR_TOKEN).")
        return self.sessions.begin(label)

    def check(self, host: str) -> None:
        """Raises ConsoleLocked where others could read along."""
        if not self._is_private(host):
            raise ConsoleLocked(
                "The console is not opened over plain http from another machine, where others can read along. "
                f"On that machine run: ssh -L {self.port}:127.0.0.1:{self.port} … and open "
                f"http://127.0.0.1:{self.port}/console/. Or put TLS in front and set AGENTOS_CONSOLE_ORIGIN."
            )

    def _is_private(self, host: str) -> bool:
        name = host.lower()
        bare = name.rpartition(":")[0] if not name.endswith("]") and ":" in name else name
        return bare in LOOPBACK or self._is_origin(host)

    def _is_origin(self, host: str) -> bool:
        return self.origin is not None and host.lower() == urlsplit(self.origin).netloc.lower()


def open_door(settings: Settings, port: int) -> Door:
    """The door of the settings' home, for a server on this port."""
    return Door(
        open_sessions(settings),
        open_tickets(settings),
        settings.console_origin,
        settings.operator_token,
        port,
    )


def open_sessions(settings: Settings) -> Sessions:
    """Their file is changed quickly or not at all: requests wait for it."""
    file = file_of(settings, settings.home / "console.json", lock_wait=0.5)
    return Sessions(file, settings.operator_token, run=at_once if settings.documents is None else OneAtATime().run)


def open_tickets(settings: Settings) -> Tickets | SharedTickets:
    """Those of the home, or of all replicas."""
    if settings.documents is None:
        return Tickets(settings.home)
    return SharedTickets(file_of(settings, settings.home / "console-tickets.json"))


AGAIN = "In a terminal of the same user run: agentos console"
