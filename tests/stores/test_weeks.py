"""Activity in the database stands in weeks: made ahead, dropped as a whole."""

import asyncio
import json
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from agentos_runtime.bootstrap import open_runtime
from agentos_runtime.config.settings import Settings
from agentos_runtime.replicas import open_reader
from agentos_runtime.storage.files import with_database
from agentos_runtime.storage.postgres.driver import Address
from agentos_runtime.storage.postgres.pruning import prune
from agentos_runtime.storage.postgres.side import SideConnection
from tests.cli.console import Console
from tests.security.support import until
from tests.stores.databases import SET_CLOCK, ask

pytestmark = pytest.mark.postgres
WEEK = 7 * 86_400_000
MONDAY = 1_799_625_600_000
"""2027-01-11, milliseconds since 1970."""
WEEKS = "SELECT tableoid::regclass::text, count(*) FROM ended GROUP BY 1 ORDER BY 1"


def end_call(address: str, at: int) -> None:
    """The row of a call that began at a moment."""
    nulls = ", ".join(["null"] * 12)
    row = f"jsonb_build_array(first_id({at}) + 1, 'r', 'bot', 'toy', 'ask', 'ok', {nulls}, 0, 0, false)"
    ask(address, f"SELECT settle_v1(1, jsonb_build_array({row}))")


def set_clock(address: str, now: int) -> None:
    with closing(SideConnection(Address(address))) as side:
        side.script(SET_CLOCK)
        side.execute("INSERT INTO test_clock VALUES (?)", (now,))


def weeks(address: str) -> dict[str, int]:
    """How many rows each week has, of those that have some."""
    return {name.removeprefix("ended_"): rows for name, rows in ask(address, WEEKS)}


def test_weeks_are_made_ahead_and_old_ones_dropped_while_calls_end(database: str, console: Console) -> None:
    set_clock(database, MONDAY + WEEK // 2)
    assert ask(database, "SELECT make_partitions_v1(4)") == [(5,)]
    for week in range(-1, 4):
        for part in (1, 2):
            end_call(database, MONDAY + week * WEEK + part * WEEK // 3)
    assert weeks(database) == {"20270111": 2, "20270118": 2, "20270125": 2, "20270201": 2, "rest": 2}
    set_clock(database, MONDAY + 3 * WEEK)
    command = ("activity", "prune", "--older-than", "11d", "--json")
    done = console.run(*command, AGENTOS_DATABASE=database)
    assert done.code == 0, done.err
    pruned = done.json
    assert pruned["pruned"] == 5
    assert pruned["before"] == "2027-01-21T00:00:00.000Z"
    assert pruned["freed_bytes"] > 0
    assert weeks(database) == {"20270118": 1, "20270125": 2, "20270201": 2}
    assert console.run(*command, AGENTOS_DATABASE=database).json["pruned"] == 0
    assert console.run("activity", "prune", "--older-than", "2027-03-01", AGENTOS_DATABASE=database).code == 2
    assert not (console.home / "activity.db").exists()


def test_a_week_that_began_without_its_partition_gets_its_rows(database: str) -> None:
    """As after weeks in which no replica ran."""
    late = MONDAY + 20 * WEEK
    set_clock(database, late)
    end_call(database, late)
    assert weeks(database) == {"rest": 1}
    assert ask(database, "SELECT make_partitions_v1(1)") == [(2,)]
    end_call(database, late + 1000)
    assert weeks(database) == {"20270531": 2}
    plan: Any = ask(database, f"EXPLAIN (FORMAT JSON) SELECT id FROM activity WHERE id = first_id({late}) + 1")[0][
        0
    ]
    assert "ended_20270531" in (plan if isinstance(plan, str) else json.dumps(plan))


def test_replicas_drop_by_themselves_what_is_older_than_is_to_be_kept(database: str, tmp_path: Path) -> None:
    set_clock(database, MONDAY)
    ask(database, "SELECT make_partitions_v1(4)")
    for week in (0, 2, 3):
        end_call(database, MONDAY + week * WEEK + 1)
    set_clock(database, MONDAY + 4 * WEEK)

    async def work() -> None:
        settings = Settings(home=tmp_path / "home", skills=(), database=database, activity={"keep": "10d"})
        async with open_runtime(settings, {}):
            assert await asyncio.to_thread(until, lambda: weeks(database) == {"20270201": 1})

    asyncio.run(work())


FILL = """
INSERT INTO ended (id, replica, request_id, agent, skill, utility, outcome, input_tokens, cost)
SELECT first_id(moment() - 1209600000 + n * 60000) + 1, 1, 'r' || n,
    CASE n % 1000 WHEN 0 THEN 'rare' ELSE 'bot' END, 'toy', 'ask', 'ok', 10, 0.25
FROM generate_series(1, 20000) AS n
"""
READ = (
    "SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0))::bigint FROM pg_stat_user_tables"
    " WHERE relname LIKE 'ended%'"
)
LOOKS: Mapping[str, tuple[dict[str, str], int]] = {
    "the newest": ({"limit": "100"}, 100),
    "of one agent": ({"agent": "rare"}, 20),
    "one day": ({"since": "24h", "limit": "100"}, 100),
    "behind a cursor": ({"cursor": "MIDDLE", "limit": "100"}, 100),
}


def test_a_page_of_activity_reads_few_rows_however_many_there_are(database: str, tmp_path: Path) -> None:
    ask(database, "SELECT make_partitions_v1(4)")
    for sql in (FILL, "ANALYZE ended"):
        ask(database, sql)
    middle = ask(database, "SELECT id FROM ended ORDER BY id LIMIT 1 OFFSET 10000")[0][0]
    for look, (filters, shown) in LOOKS.items():
        before = ask(database, READ)[0][0]
        settings = with_database(Settings(home=tmp_path, database=database))
        asked = {name: value.replace("MIDDLE", str(middle)) for name, value in filters.items()}
        rows = asyncio.run(open_reader(settings).rows(asked))["rows"]
        settings.documents.side.close()  # what a connection did is told when it ends
        assert isinstance(rows, list)
        assert len(rows) == shown, look
        assert until(lambda before=before: ask(database, READ)[0][0] > before), look  # type: ignore[misc]
        assert ask(database, READ)[0][0] - before < 1000, look


def test_a_week_that_is_read_is_dropped_once_it_is_not(database: str, tmp_path: Path) -> None:
    set_clock(database, MONDAY)
    ask(database, "SELECT make_partitions_v1(0)")
    end_call(database, MONDAY + 1)
    with closing(SideConnection(Address(database))) as side, closing(SideConnection(Address(database))) as reader:
        waited: list[float] = []

        def pause(seconds: float) -> None:
            waited.append(seconds)
            reader.execute("COMMIT")

        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM ended")
        assert prune(side, MONDAY + 2 * WEEK, pause=pause).rows == 1
        assert len(waited) == 1
    assert weeks(database) == {}
