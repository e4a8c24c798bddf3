"""The one place that knows asyncpg: connections of our own, and what goes wrong with them in two words.

Either the server answered with an error (`Refused`), or nobody knows what became of a query (`DatabaseAway`): then
the connection is ended, whatever the driver raised.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg

from agentos_runtime.storage.sqlite.files import DatabaseAway, DatabaseTrouble

CONNECT_WITHIN = 2.0
"""Seconds for one attempt to connect."""
ANSWER_WITHIN = 2.0
"""Seconds for one query, unless it says otherwise."""
SCHEMA = "agentos"
CHANNELS = ("changed", "spent", "decided")
GONE, STALE = "AG001", "AG002"
"""This replica was taken for dead; the limits it knows are not those that hold."""
_TURNED_AWAY = ("57P01", "57P02", "57P03", "25006", "53300", "08", "58", "XX", "57014")
"""What a server says that stops, cannot be written to, or takes no more: the connection is no use any more."""


class Refused(DatabaseTrouble):
    """The database answered with an error."""

    def __init__(self, message: str, state: str) -> None:
        super().__init__(message)
        self.state = state


class NoAnswer(DatabaseAway):
    """The server said nothing for as long as a query may take."""


class Address:
    """Where the database is: `postgresql://…` as libpq spells it. It holds a password, so it shows nothing."""

    def __init__(self, dsn: str, password: str | None = None) -> None:
        self._dsn = dsn
        self._password = password

    @classmethod
    def of(cls, dsn: str, password_file: Path | None) -> "Address":
        """Raises DatabaseTrouble when the password's file cannot be read."""
        if password_file is None:
            return cls(dsn)
        try:
            return cls(dsn, password_file.read_text(encoding="utf-8").removesuffix("\n"))
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            raise DatabaseTrouble(f"{password_file} (database_password_file) cannot be read: {reason}") from None

    def __repr__(self) -> str:
        return "Address()"

    async def connect(self, *, durable: bool, heard: Callable[[str, str], object] | None = None) -> "Connection":
        """A connection to a server that can be written to. Raises DatabaseAway.

        durable: a commit waits for the disk. heard: is told each notice, by its channel and text.
        """
        settings = {"search_path": SCHEMA, "application_name": "agentos", "jit": "off"}
        if not durable:
            settings["synchronous_commit"] = "off"
        try:
            raw = await asyncpg.connect(
                self._dsn,
                password=self._password,
                timeout=CONNECT_WITHIN,
                server_settings=settings,
                target_session_attrs="read-write",
            )
        except (asyncpg.InvalidPasswordError, asyncpg.InvalidAuthorizationSpecificationError) as error:
            raise Refused(f"the database lets nobody in: {error}", str(error.sqlstate)) from None
        except asyncpg.InvalidCatalogNameError as error:
            raise Refused(f"the database is not there: {error}", str(error.sqlstate)) from None
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever the driver raises, there is no connection
            raise DatabaseAway(f"the database cannot be reached: {_said(error)}") from None
        connection = Connection(raw)
        if heard is not None:
            await connection.listen(heard)
        return connection


class Connection:
    """One connection, for one query at a time. After `DatabaseAway` it is ended."""

    def __init__(self, raw: Any) -> None:
        self._raw = raw

    @property
    def ended(self) -> bool:
        return bool(self._raw.is_closed())

    async def rows(self, sql: str, values: Sequence[object] = (), *, within: float = ANSWER_WITHIN) -> list[Any]:
        """What a query gives, by position and by name; prepared once. Raises DatabaseAway, Refused."""
        # What every call needs: the driver's own timer costs half of what `_in_time` does.
        try:
            found: list[Any] = await self._raw.fetch(sql, *values, timeout=within)
        except asyncio.CancelledError:
            self.end()
            raise
        except Exception as error:  # noqa: BLE001 - whatever is no answer ends the connection
            raise self._trouble(error) from None
        return found

    async def answer(
        self, sql: str, values: Sequence[object] = (), *, within: float = ANSWER_WITHIN
    ) -> tuple[list[Any], tuple[str, ...], int]:
        """Rows, the names of their columns, and how many rows were changed. Raises DatabaseAway, Refused."""
        async with self._in_time(within):
            prepared = await self._raw.prepare(sql)
            found = list(await prepared.fetch(*values))
            names = tuple(each.name for each in prepared.get_attributes())
            return found, names, _changed(prepared.get_statusmsg())

    async def script(self, sql: str, *, within: float = 60.0) -> None:
        """Run several statements, without values. Raises DatabaseAway, Refused."""
        async with self._in_time(within):
            await self._raw.execute(sql)

    async def listen(self, heard: Callable[[str, str], object]) -> None:
        """Raises DatabaseAway."""

        def tell(_: object, __: object, channel: str, text: str) -> None:
            heard(channel, text)

        async with self._in_time(ANSWER_WITHIN):
            for channel in CHANNELS:
                await self._raw.add_listener(channel, tell)

    async def place(self) -> tuple[int, object]:
        """What tells this connection's process in the server from every other one. Raises DatabaseAway, Refused."""
        rows = await self.rows("SELECT pid, backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()")
        return (rows[0][0], rows[0][1])

    @asynccontextmanager
    async def _in_time(self, within: float) -> AsyncIterator[None]:
        """Everything that is no answer of the server ends the connection."""
        try:
            async with asyncio.timeout(within):
                yield
        except asyncio.CancelledError:
            self.end()
            raise
        except Exception as error:  # noqa: BLE001 - whatever is no answer ends the connection
            raise self._trouble(error) from None

    def _trouble(self, error: Exception) -> DatabaseTrouble:
        """What went wrong, in our words; the connection is ended unless the server has answered."""
        if isinstance(error, asyncpg.PostgresError):
            return self._refusal(error)
        if isinstance(error, asyncpg.DataError):
            return Refused(f"a value cannot be kept: {type(error).__name__}", "22000")
        self.end()
        lost = NoAnswer if isinstance(error, TimeoutError) else DatabaseAway
        return lost(f"the database did not answer: {_said(error)}")

    def end(self) -> None:
        """At once, without a word to the server."""
        if not self._raw.is_closed():
            self._raw.terminate()

    async def close(self) -> None:
        try:
            async with asyncio.timeout(1.0):
                await self._raw.close()
        except Exception:  # noqa: BLE001 - it ends, one way or the other
            self.end()

    def _refusal(self, error: Any) -> DatabaseTrouble:
        state = str(error.sqlstate or "")
        if state.startswith(_TURNED_AWAY):
            self.end()
            return DatabaseAway(f"the database takes no calls: {error.args[0]}")
        return Refused(f"the database answered: {error.args[0]}", state)


def _said(error: BaseException) -> str:
    """Without what could hold an address with a password."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return type(error).__name__


def _changed(status: str | None) -> int:
    """`UPDATE 3` → 3."""
    last = (status or "").rpartition(" ")[2]
    return int(last) if last.isdigit() else 0
