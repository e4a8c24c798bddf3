"""What stands in the database in place of the home: opened for a server that is one of several equal replicas."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

from agentos_runtime.config.settings import Settings, SettingsError
from agentos_runtime.frozen import dataclass
from agentos_runtime.jsontext import Json
from agentos_runtime.limits.enforcement import Limits
from agentos_runtime.limits.idempotency.replays import ReplaySettings
from agentos_runtime.limits.idempotency.shared import SharedAnswers, seal_anew
from agentos_runtime.limits.shared import SharedCounters, SharedRules
from agentos_runtime.security.credentials.boxes import WrongBox, head
from agentos_runtime.security.credentials.sealed import open_keys, open_sealed
from agentos_runtime.security.login.renewing import HELD_FOR
from agentos_runtime.storage.files import with_database
from agentos_runtime.storage.postgres.answers import SealedAnswers
from agentos_runtime.storage.postgres.calls import Calls
from agentos_runtime.storage.postgres.documents import Documents, address_of
from agentos_runtime.storage.postgres.driver import Address
from agentos_runtime.storage.postgres.ledger import SharedLedger
from agentos_runtime.storage.postgres.link import Link
from agentos_runtime.storage.postgres.pruning import prune
from agentos_runtime.storage.postgres.reader import SharedReader
from agentos_runtime.storage.postgres.replica import UNREADY_AFTER, Replica
from agentos_runtime.storage.postgres.schema import check
from agentos_runtime.storage.postgres.side import SideConnection
from agentos_runtime.storage.postgres.turns import SharedTurns
from agentos_runtime.storage.postgres.works import SharedWorks
from agentos_runtime.storage.sqlite.files import DatabaseAway, DatabaseTrouble
from agentos_runtime.waiting.desk import Desk

WAITING_TURN = 1
"""The number of the turn of what waits for a person."""
TOLD_LOOK_AGAIN = 1.0
"""Seconds between two looks at what was decided elsewhere: notices get lost."""
START_WITHIN = 30.0
"""Seconds for which a server that starts waits for its database."""
LOOK_AGAIN = 0.5


class AnswerSeal:
    """Seals answers under master keys."""

    def __init__(self, keys: Any) -> None:
        self._keys = keys

    def seal(self, text: bytes, about: Json) -> bytes:
        sealed: bytes = self._keys.seal(text, about)
        return sealed

    def open(self, box: bytes, about: Json) -> bytes | None:
        """None when it does not open."""
        try:
            opened: bytes = self._keys.open(box, about)
        except WrongBox:
            return None
        return opened


@dataclass(frozen=True, slots=True)
class Shared:
    """The state of a server whose database other replicas share."""

    replica: Replica
    calls: Calls
    rules: SharedRules
    counters: SharedCounters
    ledger: SharedLedger
    durable: Link
    address: Address
    keys: Any = None
    """The MasterKeys, where there are any."""

    @property
    def documents(self) -> Documents:
        return self.replica.documents

    def now(self) -> float:
        """Epoch seconds on the database's clock."""
        return self.replica.now() / 1000

    def answers(self, kept: ReplaySettings) -> SharedAnswers:
        """First answers. Raises SettingsError."""
        if kept.enabled and not kept.plain and self.keys is None:
            raise SettingsError(
                "[idempotency] is enabled, and with AGENTOS_DATABASE answers stand in the database as they are: "
                "set AGENTOS_MASTER_KEY, under which they are sealed, or plain = true there if that is wanted"
            )
        seal = None if self.keys is None else AnswerSeal(self.keys)
        return SharedAnswers(self.durable, self.replica, kept.room, self.replica.now, seal)

    def desk(
        self, file: Path, sleep: Callable[[float], Awaitable[None]], look_again: float = TOLD_LOOK_AGAIN
    ) -> Desk:
        """What waits for a person: what is decided in any replica is told to the one that holds the caller."""

        def works(tidy: Callable[[Any], object]) -> SharedWorks:
            return SharedWorks(self.documents.side, "waiting", WAITING_TURN, tidy)

        desk = Desk(file, clock=self.now, sleep=sleep, works=works, look_again=look_again)
        self.replica.heard["decided"] = desk.wake
        return desk

    @property
    def turns(self) -> SharedTurns:
        """One renewal of a login at a time, over all replicas."""
        return SharedTurns(self.durable, self.replica, HELD_FOR)

    def prune(self, before: int) -> None:
        """Drop activity of before a moment, milliseconds since 1970. Raises DatabaseTrouble."""
        with closing(SideConnection(self.address)) as side:
            prune(side, before)

    def unready(self) -> bool:
        """Whether the database has been away for so long that this replica should get no more calls."""
        return self.replica.away_for > UNREADY_AFTER


def looked_at(settings: Settings) -> Limits:
    """The limits in the settings' database, and what is used of them, for who lets no call in."""
    documents: Documents = settings.documents
    return Limits(SharedRules(documents), SharedCounters(documents.side))


def open_reader(settings: Settings) -> SharedReader:
    """What the ledger in the settings' database tells."""
    side = settings.documents.side
    return SharedReader(side, lambda: int(side.execute("SELECT moment()").fetchone()[0]))


def rotate(settings: Settings) -> tuple[int, Mapping[str, int], Mapping[str, int]]:
    """Seal keys and answers anew under the first master key.

    How many were, and how many remain under each other one, of keys and of answers. Raises SealedError,
    SettingsError, DatabaseTrouble.
    """
    store, keys = open_sealed(settings), open_keys(settings)
    sealed, remaining = store.rotate()
    sealed += seal_anew(SealedAnswers(settings.documents.side), AnswerSeal(keys), head(keys.first))
    others = {name: count for name, count in store.counts_of_others().items() if name != keys.first}
    return sealed, remaining, others


@asynccontextmanager
async def open_shared(settings: Settings, *, patient: bool = True) -> AsyncIterator[tuple[Settings, Shared]]:
    """The settings with the database's documents, and what the database holds; left in order after the block.

    patient: wait for a database that may only be starting itself, as servers do that start beside it.
    Raises SettingsError when the database cannot be used, or not within START_WITHIN.
    """
    if settings.limits:
        raise SettingsError(
            f"{settings.config_file} has [limits], and with AGENTOS_DATABASE those of all replicas stand there. "
            f"Put them there: agentos database limits {settings.config_file}. Then take them out of the file"
        )
    settings = with_database(settings)
    documents, address = settings.documents, address_of(settings)
    replica = Replica(address, documents, f"{socket.gethostname()}:{os.getpid()}")
    calls = Calls(replica, address, settings.home)
    durable = Link(address, durable=True, silence=replica.silence)
    reads = SideConnection(address)
    try:
        await _in_time(lambda: asyncio.to_thread(check, documents.side), patient)
        await _in_time(lambda: _start(replica, calls, durable), patient)
        ledger = SharedLedger(calls, SharedReader(reads, replica.now))
        yield (
            settings,
            Shared(
                replica,
                calls,
                SharedRules(documents),
                SharedCounters(documents.side, calls),
                ledger,
                durable,
                address,
                open_keys(settings),
            ),
        )
    finally:
        await calls.stop()
        await durable.stop()
        await replica.stop()
        reads.close()
        documents.followed = False


async def _start(replica: Replica, calls: Calls, durable: Link) -> None:
    for each in (replica, calls, durable):
        await each.start()


async def _in_time(attempt: Callable[[], Any], patient: bool) -> None:
    """Again and again, as long as the database may only be starting itself. Raises SettingsError."""
    left = START_WITHIN
    while True:
        try:
            await attempt()
            return
        except DatabaseAway as error:
            if not patient:
                raise SettingsError(f"AGENTOS_DATABASE: {error}") from None
            if left <= 0:
                raise SettingsError(f"AGENTOS_DATABASE: {error}. It was tried for {START_WITHIN:.0f} s") from None
        except DatabaseTrouble as error:
            raise SettingsError(f"AGENTOS_DATABASE: {error}") from None
        await asyncio.sleep(LOOK_AGAIN)
        left -= LOOK_AGAIN
