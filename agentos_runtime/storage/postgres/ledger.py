"""The ledger that replicas share: a row is written with what it counts against limits, in one transaction."""

from collections.abc import Callable
from typing import Literal, Self

from agentos_runtime.jsontext import Json
from agentos_runtime.storage.activity import rows
from agentos_runtime.storage.activity.rows import BEGUN, CLOSING, Closing, Entry
from agentos_runtime.storage.postgres.calls import Calls, Figure
from agentos_runtime.storage.postgres.numbers import began_at
from agentos_runtime.storage.postgres.reader import SharedReader
from agentos_runtime.storage.postgres.unsent import Row

LARGEST_COST = 1_000_000
"""US dollars of one call."""
NANO = 1_000_000_000


class SharedLedger:
    """The activity of all replicas; never an exception into a call.

    While rows cannot be written, `degraded` says why; they are kept in this process and written when they can be.
    """

    def __init__(self, calls: Calls, reader: SharedReader) -> None:
        self._calls = calls
        self._reader = reader
        self._heard: set[Callable[[], object]] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """What it is made of is closed by who opened it."""

    @property
    def degraded(self) -> str | None:
        if self._calls.lost:
            return f"activity is not complete: {self._calls.lost} rows could not be written or kept"
        if waiting := len(self._calls.unsent):
            why = self._calls.unsent.trouble
            return (
                f"activity is not recorded: {self._calls.settles.trouble or 'the database does not take it'}; "
                f"{waiting} rows wait in {f'this process alone, since {why}' if why else 'the journal'}"
            )
        return None

    @property
    def figures(self) -> tuple[Figure, ...]:
        """What it tells besides, for Prometheus."""
        return self._calls.figures

    @property
    def reader(self) -> SharedReader:
        """What it tells."""
        return self._reader

    async def start(self, *, request_id: str, agent: str, skill: str, utility: str) -> Entry:
        """A call begins. Its row is there for others once it is let in, or waits."""
        texts = [_text(each) for each in (request_id, agent, skill, utility)]
        held = self._calls.begin(*texts)
        self._tell()
        return Entry(held.id, (texts[0], began_at(held.id), *texts[1:], ""))

    async def finish(self, entry: Entry, end: Closing, *, reads: bool = False) -> bool:
        """Close the row of a call; gives whether its numbers count. See `Ledger.finish`."""
        assert entry.id is not None
        held = self._calls.held(entry.id)
        if held is None:
            return True
        counts = await self._calls.settle(held, _row(entry, end, reads=reads))
        self._tell()
        return counts

    async def mark(self, entry: Entry, outcome: Literal["started", "waiting"]) -> None:
        """Say whether the call waits for a person."""
        held = self._calls.held(entry.id or 0)
        if held is not None:
            await self._calls.mark(held, waiting=outcome == "waiting")
        self._tell()

    def listen(self, heard: Callable[[], object]) -> Callable[[], None]:
        """Have this called when this process has written or changed a row; gives what ends that."""
        self._heard.add(heard)
        return lambda: self._heard.discard(heard)

    async def counted(self, code: str) -> list[tuple[str, str, int]]:
        """See ActivityReader.counted."""
        return await self._reader.counted(code)

    def _tell(self) -> None:
        for heard in self._heard:
            heard()


def _row(entry: Entry, end: Closing, *, reads: bool) -> Row:
    """As `settle_v1` takes it."""
    begun = dict(zip(BEGUN, entry.begun, strict=True))
    closed = dict(zip(CLOSING, end.values(), strict=True))
    tokens = int(closed["input_tokens"] or 0) + int(closed["output_tokens"] or 0)
    money = round(min(float(closed["cost"] or 0.0), LARGEST_COST) * NANO)
    values: list[Json] = [
        entry.id,
        *(begun[name] for name in ("request_id", "agent", "skill", "utility")),
        *(_text(each) if isinstance(each, str) else each for each in closed.values()),
    ]
    return [*values, tokens, money, reads]


def _text(text: str) -> str:
    """What the database can keep: without half surrogate pairs and without NUL."""
    return str(rows.begun(text)[0]).replace("\0", "\ufffd")
