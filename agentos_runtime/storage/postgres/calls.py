"""The calls of this replica: let in and settled in batches, and said again after a connection was lost."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import field
from pathlib import Path
from typing import Any, Literal, TypeAlias, TypeVar

from agentos_runtime.frozen import dataclass
from agentos_runtime.jsontext import Json, dump, parse
from agentos_runtime.storage.postgres.combining import Combiner
from agentos_runtime.storage.postgres.driver import GONE, STALE, Address, Connection, Refused
from agentos_runtime.storage.postgres.journal import Journal, left_behind
from agentos_runtime.storage.postgres.link import Link
from agentos_runtime.storage.postgres.replica import BEAT_EVERY, Replica
from agentos_runtime.storage.postgres.unsent import AT_ONCE, Row, Unsent, send_left
from agentos_runtime.storage.sqlite.files import DatabaseAway

SAID_AGAIN_FOR = 3.0
"""Seconds for which what was let in or settled is kept, to be said again: a crash of the database forgets less."""
WAL_DELAYS = 3
T = TypeVar("T")
Figure: TypeAlias = tuple[str, str, Literal["counter", "gauge"], float]
"""Name, what it is, its kind, its value."""
Level: TypeAlias = tuple[str, str, int, int, float]
"""Subject, key, used, most, until."""


@dataclass(slots=True, eq=False)
class Held:
    """A call of this replica."""

    id: int
    request_id: str
    agent: str
    skill: str
    utility: str
    paid: bool = False
    waiting: bool = False
    counted: bool = False
    admitted: int = 0
    """The moment it was let in, milliseconds since 1970; 0 = it was not."""
    reserved: int = 0
    asking: "asyncio.Future[Verdict] | None" = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a call is let in; key: the limit that was hit, of a subject. Moments in seconds since 1970."""

    key: str | None
    subject: str
    used: int
    most: int
    until: float | None
    reserved: int
    at: float
    levels: tuple[Level, ...] = ()


class Calls:
    """What this replica has under way. spent: is told budgets that are used up, by whichever replica.

    folder: where rows stand that the database has not taken.
    """

    def __init__(
        self, replica: Replica, address: Address, folder: Path, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._folder = folder
        self._replica = replica
        self._monotonic = monotonic
        self.admits = Link(address, made=self._say_calls_again, silence=replica.silence)
        self.settles = Link(address, made=self._say_all_again, lost=self._write_down, silence=replica.silence)
        replica.say_again = self._say_calls_again
        replica.beaten.append(self.send_unsent)
        replica.heard["spent"] = lambda text: self._tell_spent([parse(text.encode())])
        self._admitting: Combiner[Held, Verdict] = Combiner(self._send_admits)
        self._settling: Combiner[Row, bool] = Combiner(self._send_settles)
        self._open: dict[int, Held] = {}
        self._let_in: deque[tuple[float, Held]] = deque()
        self._settled: deque[tuple[float, Row]] = deque()
        self.unsent = Unsent(Journal(folder), monotonic=monotonic)
        self._recovering: asyncio.Task[None] | None = None
        self._keep = SAID_AGAIN_FOR
        self.spent: list[Callable[[Level], object]] = []
        self._refused = 0
        self._asked = 0
        self._asked_for = 0.0
        """Seconds."""

    async def start(self) -> None:
        """Raises DatabaseAway, Refused."""
        await self.admits.start()
        await self.settles.start()
        delay = await self.admits.ask(
            "SELECT extract(epoch FROM current_setting('wal_writer_delay')::interval)::float8"
        )
        self._keep = max(SAID_AGAIN_FOR, WAL_DELAYS * delay[0][0])
        self._recovering = asyncio.create_task(self._recover())

    async def stop(self) -> None:
        if self._recovering is not None:
            self._recovering.cancel()
            await asyncio.wait({self._recovering})
        await self._admitting.finished()
        await self._settling.finished()
        await self.admits.stop()
        await self.settles.stop()
        self.unsent.close()

    @property
    def trips(self) -> int:
        return self._admitting.trips + self._settling.trips

    @property
    def figures(self) -> tuple[Figure, ...]:
        """For Prometheus."""
        replica, seen = self._replica, self._replica.seen
        return (
            (
                "agentos_database_up",
                "1 while the database answers",
                "gauge",
                int(replica.link.connection is not None),
            ),
            (
                "agentos_database_trips_total",
                "Round trips that let calls in or settled them",
                "counter",
                self.trips,
            ),
            ("agentos_database_carried_total", "What these trips carried", "counter", self._carried()),
            ("agentos_database_admits_total", "Calls that asked to be let in", "counter", self._asked),
            ("agentos_database_admit_seconds_total", "How long all of them waited", "counter", self._asked_for),
            ("agentos_database_schema", "The newest migration that the database has", "gauge", seen.schema),
            ("agentos_journal_bytes", "Rows that the database has not taken", "gauge", self.unsent.size),
            ("agentos_journal_age_seconds", "How long there have been any", "gauge", self.unsent.age),
            ("agentos_replicas", "Replicas that live", "gauge", replica.alive),
            ("agentos_replicas_skills", "Different sets of skills that they serve", "gauge", seen.kinds),
            ("agentos_reaped_calls_total", "Calls of dead replicas, closed here", "counter", replica.reaped),
            ("agentos_activity_unplaced_rows", "Rows in no week's partition, up to 1,000", "gauge", seen.unplaced),
            ("agentos_activity_weeks_ahead", "Partitions of weeks to come", "gauge", seen.weeks),
        )

    def _carried(self) -> int:
        return self._admitting.carried + self._settling.carried

    @property
    def lost(self) -> int:
        """Rows that the database would not take, or that nothing had room for."""
        return self._refused + self.unsent.lost

    def begin(self, request_id: str, agent: str, skill: str, utility: str) -> Held:
        """A call begins; the database learns of it when it is let in, waits or ends."""
        held = Held(self._replica.numbers.next(), request_id, agent, skill, utility)
        self._open[held.id] = held
        return held

    def held(self, number: int) -> Held | None:
        """A call that has not ended."""
        return self._open.get(number)

    async def admit(self, held: Held, *, paid: bool) -> Verdict:
        """Let a call in, or say why not. Raises DatabaseAway: then it is not let in, whatever the database did."""
        held.paid = paid
        held.asking = self._admitting.put(held)
        self._asked += 1
        asked_at = self._monotonic()
        try:
            return await asyncio.shield(held.asking)
        finally:
            self._asked_for += self._monotonic() - asked_at

    def go_on_alone(self, held: Held) -> None:
        """The call is made although the database is away."""
        self.unsent.begin(held.id, (held.request_id, held.agent, held.skill, held.utility))

    async def look(self, agent: str, named: str, *, paid: bool) -> Verdict | None:
        """What such a call would be told now; None when it would be let in. Raises DatabaseAway, Refused."""
        rows = await self.admits.ask("SELECT * FROM look_v1($1, $2, $3)", (agent, named, paid))
        found = sorted(rows, key=lambda row: row["subject"] == "")
        return _verdict(found[0]) if found else None

    async def mark(self, held: Held, *, waiting: bool) -> None:
        """Say whether the call waits for a person."""
        held.waiting = waiting
        values = (self._replica.id, held.id, held.request_id, held.agent, held.skill, held.utility, waiting)
        with suppress(DatabaseAway):
            await self.admits.ask("SELECT mark_v1($1, $2, $3, $4, $5, $6, $7)", values)

    async def settle(self, held: Held, row: Row) -> bool:
        """Close a call: it is in the database when this returns, or kept here until that is back.

        Gives whether its numbers count.
        """
        self._open.pop(held.id, None)
        if held.asking is None or held.asking.done():
            return await self._settling.put(row)
        return await asyncio.shield(asyncio.ensure_future(self._settle_later(held.asking, row)))

    async def _settle_later(self, asking: "asyncio.Future[Verdict]", row: Row) -> bool:
        """Its caller left while it was being let in: what opens it comes first."""
        await asyncio.wait({asking})
        return await self._settling.put(row)

    def send_unsent(self) -> None:
        """Try again to send what could not be sent."""
        if self.unsent:
            self._settling.put([])
        self.unsent.tidy(self._keep)

    # ------------------------------------------------------------------ on their way

    async def _send_admits(self, batch: Sequence[Held]) -> list[Verdict]:
        order = sorted(range(len(batch)), key=lambda at: batch[at].agent)
        held = [batch[at] for at in order]
        again = False
        for _ in range(_TRIES):
            mine = self._replica.id
            try:
                await self._send_unsent(self.admits.ask)  # first: what has ended takes no room any more
                rows = await self.admits.ask(_ADMIT, (mine, self._replica.rules, again, *_columns(held)))
                break
            except DatabaseAway:
                if again:
                    raise
            except Refused as error:
                if error.state == GONE:
                    await self._replica.enter_again(mine)
                elif error.state == STALE:
                    await self._replica.refresh()
                else:
                    raise
            again = True
        else:
            raise DatabaseAway("the limits change all the time")
        verdicts: list[Verdict | None] = [None] * len(batch)
        for at, each, row in zip(order, held, rows, strict=True):
            verdicts[at] = verdict = _verdict(row)
            if verdict.key is None:
                each.counted, each.admitted, each.reserved = row["counted"], row["at"], row["reserved"]
                self._let_in.append((self._monotonic(), each))
        self._forget_old(self._let_in)
        return [each for each in verdicts if each is not None]

    async def _send_settles(self, batch: Sequence[Row]) -> list[bool]:
        uncounted: frozenset[Any] = frozenset()
        rows = [row for row in batch if row]
        try:
            if self.settles.connection is None:
                raise DatabaseAway("the database cannot be reached")
            await self._send_unsent(self.settles.ask)
            if rows:
                uncounted = await self._settle_on(self.settles.ask, rows)
        except DatabaseAway:
            self.unsent.put(rows)
        else:
            now = self._monotonic()
            for row in rows:
                self._settled.append((now, row))
                self.unsent.end(row[0])
            self._forget_old(self._settled)
        return [not row or row[0] not in uncounted for row in batch]

    async def _send_unsent(self, ask: Any) -> None:
        await self.unsent.send(
            lambda batch: self._settle_on(ask, batch), lambda row: self._settled.append((self._monotonic(), row))
        )

    def _write_down(self) -> None:
        """The database may have crashed, and forgotten what it took of late: only this process knows of it."""
        self.unsent.note([row for _, row in self._settled])

    async def _recover(self) -> None:
        """Send what processes of this home left that died while the database was away."""
        for left in left_behind(self._folder):
            try:
                while True:
                    try:
                        await send_left(left, lambda batch: self._settle_on(self.settles.ask, batch))
                        break
                    except DatabaseAway:
                        await asyncio.sleep(BEAT_EVERY)
                left.remove()
            finally:
                left.release()

    async def _settle_on(self, ask: Any, batch: Sequence[Row]) -> frozenset[Any]:
        """The numbers of rows that do not count. A row that the database refuses is left out and told."""
        rows: list[Json] = [*sorted(batch, key=lambda row: str(row[_AGENT]))]
        try:
            answer = parse((await ask(_SETTLE, (self._replica.id, dump(rows).decode())))[0][0].encode())
        except Refused as error:
            if not error.state.startswith(_NEVER_TAKEN):
                raise DatabaseAway(str(error)) from None
            if len(batch) == 1:
                self._refused += 1
                logging.getLogger("agentos.database").error("a row of the ledger was refused: %s", error)
                return frozenset()
            halves = batch[: len(batch) // 2], batch[len(batch) // 2 :]
            return frozenset().union(*[await self._settle_on(ask, half) for half in halves])
        assert isinstance(answer, dict)
        spent, uncounted = answer["spent"], answer["uncounted"]
        assert isinstance(spent, list)
        assert isinstance(uncounted, list)
        self._tell_spent(spent)
        return frozenset(uncounted)

    def _tell_spent(self, spent: Sequence[Any]) -> None:
        for each in spent:
            for heard in self.spent:
                heard((each[0], each[1], each[2], each[3], float(each[4])))

    def _forget_old(self, kept: deque[tuple[float, Any]]) -> None:
        """To be called when the database has just answered: what it did so long before is on its disk."""
        moment = self._monotonic() - self._keep
        while kept and kept[0][0] < moment:
            kept.popleft()

    def _kept_anew(self, kept: deque[tuple[float, T]]) -> deque[tuple[float, T]]:
        """What is said again is as new as what was just done."""
        now = self._monotonic()
        return deque((now, each) for _, each in kept)

    # ------------------------------------------------------------------ said again

    async def _say_calls_again(self, connection: Connection) -> None:
        """What is under way here, and what was let in of late; then what nobody holds any more is closed."""
        if not self._replica.id:
            return
        self._let_in = self._kept_anew(self._let_in)
        known = {held.id: held for _, held in self._let_in} | self._open
        held = sorted((each for each in known.values() if each.admitted or each.waiting), key=lambda one: one.agent)
        for at in range(0, len(held), AT_ONCE):
            part = held[at : at + AT_ONCE]
            values = (
                [each.waiting for each in part],
                [each.counted for each in part],
                [each.admitted for each in part],
                [each.reserved for each in part],
            )
            await connection.rows(_REASSERT, (self._replica.id, *_columns(part)[:-1], *values))
        await connection.rows("SELECT sweep_v1($1)", (self._replica.id,))

    async def _say_all_again(self, connection: Connection) -> None:
        """What is under way, what was settled of late, and what could not be settled."""
        await self._say_calls_again(connection)
        self._settled = self._kept_anew(self._settled)
        rows = [row for _, row in self._settled]
        for at in range(0, len(rows), AT_ONCE):
            await self._settle_on(connection.rows, rows[at : at + AT_ONCE])
        self.unsent.again()
        await self._send_unsent(connection.rows)


def _columns(held: Sequence[Held]) -> tuple[list[Any], ...]:
    return (
        [each.id for each in held],
        [each.request_id for each in held],
        [each.agent for each in held],
        [each.skill for each in held],
        [each.utility for each in held],
        [each.paid for each in held],
    )


def _verdict(row: Any) -> Verdict:
    levels = parse(row["soft"].encode()) if row.get("soft") else []
    assert isinstance(levels, list)
    return Verdict(
        row["key"],
        row["subject"] or "",
        row["used"] or 0,
        row["most"] or 0,
        None if row["until"] is None else float(row["until"]),
        row["reserved"],
        row["at"] / 1000,
        tuple((each[0], each[1], each[2], each[3], float(each[4])) for each in levels),  # type: ignore[index, arg-type, misc]
    )


_TRIES = 5
_NEVER_TAKEN = ("22", "23")
"""What the server says of values that it will never take."""
_AGENT = 2
_ADMIT = "SELECT * FROM admit_v1($1, $2, $3, $4, $5, $6, $7, $8, $9)"
_SETTLE = "SELECT settle_v1($1, $2::text::jsonb)::text"
_REASSERT = "SELECT reassert_v1($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"
