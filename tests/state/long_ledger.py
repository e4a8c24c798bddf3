"""Makes a ledger of a million calls and asks it all that the console asks; `scripts/prove ledger` runs it.

Hardly two calls are alike, so that there are nearly as many sums as rows: real ledgers are kinder. Prints CPU time.
"""

import asyncio
import sqlite3
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

from agentos_runtime.storage.activity.database import SCHEMA
from agentos_runtime.storage.activity.quarters import add_up
from agentos_runtime.storage.activity.queries import ActivityReader
from agentos_runtime.storage.sqlite.files import PrivateDatabase, transaction

ROWS = 1_000_000
DAYS = 90
COLUMNS = (
    "request_id, started_at, agent, skill, utility, owner, outcome, code, duration_ms, model, input_tokens, cost"
)
ROWS_ASKED: list[dict[str, str]] = [
    {},
    {"agent": "agent-3"},
    {"agent": "rare"},
    {"agent": "nobody"},
    {"skill": "skill-9", "utility": "utility-7", "agent": "agent-19", "model": "model-11"},
    {"outcome": "error"},
    {"outcome": "cancelled"},
    {"code": "internal"},
    {"agent": "agent-1", "outcome": "cancelled"},
    {"request_id": "none"},
    {"since": "24h", "agent": "nobody"},
    {"since": "80d", "until": "79d"},
    {"cursor": "500000"},
    {"cursor": "500000", "agent": "rare"},
    {"limit": "20000"},
]
SUMS_ASKED: list[dict[str, str]] = [
    {"by": "agent", "since": "90d"},
    {"by": "skill", "since": "7d"},
    *({"by": f"day,{name}", "zone": "Europe/Vienna", "since": "90d"} for name in ("model", "agent", "skill")),
    *({"by": name, "since": "90d", "latency": "true"} for name in ("model", "agent", "skill")),
    {},
]


def make(file: Path, rows: int) -> None:
    """A ledger whose sums are up to date."""
    random, now = Random(7), time.time()

    def row(number: int) -> tuple[object, ...]:
        at = int((now - (rows - number) / rows * DAYS * 86_400) * 1000)
        agent = "rare" if number % 50_000 == 77 and number < rows * 0.6 else f"agent-{_some(random, 20)}"
        made = (f"req_{number:026x}", at, agent, f"skill-{_some(random, 10)}", f"utility-{_some(random, 8)}", "x")
        if random.random() < 0.03:
            return (*made, "error", "upstream_timeout", 9.0, None, None, None)
        if random.random() < 0.3:
            return (*made, "ok", None, random.uniform(5, 300), None, None, None)
        cost = round(random.uniform(1e-5, 0.1), 7)
        return (*made, "ok", None, random.uniform(400, 9000), f"model-{_some(random, 12)}", 99, cost)

    with closing(PrivateDatabase(file, SCHEMA).open()) as connection:
        with transaction(connection):
            sql = f"INSERT INTO activity ({COLUMNS}) VALUES ({', '.join('?' * 12)})"
            connection.executemany(sql, map(row, range(rows)))
        while _add_up(connection):
            pass


def _some(random: Random, names: int) -> int:
    return min(names - 1, int(random.expovariate(3 / names)))


def _add_up(connection: sqlite3.Connection) -> bool:
    with transaction(connection):
        return add_up(connection)


async def look(file: Path) -> None:
    """Asks everything three times and prints the least CPU of each."""
    reader = ActivityReader(file)
    asked = [(reader.rows, each) for each in ROWS_ASKED] + [(reader.usage, each) for each in SUMS_ASKED]
    for ask, filters in asked:
        took, found = [], 0
        for _ in range(3):
            begun = time.process_time()
            given: dict[str, Any] = {"most": 20_000} if ask == reader.rows else {}
            answer: Any = await ask({"limit": "50"} | filters if given else filters, **given)
            took.append((time.process_time() - begun) * 1000)
            found = len(answer["rows"])
        say(f"{min(took):8.1f} ms  {ask.__name__} {filters}: {found} rows")


def say(text: str) -> None:
    sys.stdout.write(text + "\n")


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "home" / "activity.db"
        begun = time.process_time()
        make(file, rows)
        say(f"{rows} rows, {file.stat().st_size // 10**6} MB, made in {time.process_time() - begun:.0f} s of CPU")
        asyncio.run(look(file))


if __name__ == "__main__":
    main()
