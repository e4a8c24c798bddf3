"""The pictures of the docs: a simulation with made-up calls, and a browser that looks at it."""

import json
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from random import Random
from time import time
from urllib.parse import quote

from agentos_runtime.bootstrap import open_runtime
from agentos_runtime.config.settings import Settings
from agentos_runtime.storage.activity.ledger import Ledger
from agentos_runtime.testing.simulation import simulation
from tests.console.conftest import Opened, opened
from tests.server.client import ask
from tests.server.server import running

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "docs" / "pictures"
BROKEN = ROOT / "tests" / "console" / "skills" / "spoiled"
CALLS = 12_000
DAYS = 90
MODELS = (
    ("anthropic/claude-sonnet-4.5", 3e-6, 15e-6, 38),
    ("anthropic/claude-haiku-4.5", 8e-7, 4e-6, 28),
    ("google/gemini-2.5-flash", 3e-7, 1e-6, 14),
    ("openai/gpt-4o-mini", 1.5e-7, 6e-7, 12),
    ("deepseek/deepseek-v4", 2e-7, 4e-7, 5),
    ("qwen/qwen3-coder:free", 0.0, 0.0, 3),
)
COLUMNS = (
    "request_id, started_at, agent, skill, utility, owner, outcome, code, status, duration_ms, model,"
    " input_tokens, output_tokens, cost"
)
LIMITS = {
    "agents": {
        "night-batch": {"ask_person": ["openrouter/delete_key"], "cost_per_day": 1.0},
        "reviewer": {"allow": ["openrouter/*", "anthropic/*"], "cost_per_day": 5.0, "tokens_per_day": 2_000_000},
    }
}

LONG_NAME = "the-agent-with-the-longest-name-that-anybody-may-have-in-this-ru"
CROWDED = {
    "agents": {
        "asker": {"ask_person": ["forms/*"], "allow": ["forms/*"], "deny": ["forms/talk"]},
        "nightly": {"calls_per_minute": 10, "concurrent": 2},
        "spent": {"calls_per_minute": 3},
    },
    "total": {"calls_per_minute": 500, "cost_per_week": 20.0},
}
NOTE: dict[str, object] = {"title": "A title", "kind": "task"}
FILE = {"filename": "minutes.txt", "content_type": "text/plain", "data": "aGVsbG8gd29ybGQ="}
WAITING: tuple[tuple[dict[str, object], dict[str, object] | None], ...] = (
    (NOTE | {"title": "Denied"}, {"decision": "no", "reason": "Not on a Saturday, and not without a second look."}),
    (NOTE | {"title": "Approved"}, {"decision": "yes"}),
    (NOTE | {"labels": ["one", "two"], "private": True, "attachment": FILE, "place": {"city": "Wien"}}, None),
    (NOTE | {"title": "A much longer text. " * 60, "extra": {"deep": {"er": [1, 2, {"x": None}]}}}, None),
)


def seed(home: Path) -> None:
    """Calls of made-up agents, the newest a minute ago."""
    random, now = Random(7), time()
    with Ledger(home / "activity.db"):
        pass
    rows = [_row(random, number, now) for number in range(CALLS)]
    with closing(sqlite3.connect(home / "activity.db")) as database, database:
        database.executemany(f"INSERT INTO activity ({COLUMNS}) VALUES ({', '.join('?' * 14)})", rows)


def _row(random: Random, number: int, now: float) -> tuple[object, ...]:
    at = int((now - 60 - (CALLS - number) / CALLS * DAYS * 86400) * 1000)
    agent = random.choice(("night-batch", "reviewer", "cursor"))
    model, read, wrote, _ = random.choices(MODELS, [each[3] for each in MODELS])[0]
    begun = (f"req_{number}", at, agent, "openrouter")
    if random.random() < 0.15:
        return (*begun, "list_models", "x", "ok", None, 200, random.uniform(90, 300), None, None, None, None)
    if random.random() < 0.03:
        code, status = random.choice((("upstream_rate_limited", 429), ("invalid_params", 400)))
        return (*begun, "chat", "x", "error", code, status, random.uniform(1, 400), model, None, None, None)
    given, made = random.randint(40, 6000), random.randint(10, 1200)
    cost = round(given * read + made * wrote, 9)
    return (*begun, "chat", "x", "ok", None, 200, random.uniform(400, 9000), model, given, made, cost)


@contextmanager
def simulated(folder: Path) -> Iterator[Opened]:
    """A server over the skills that ship, one that is broken, made-up calls, and one that waits."""
    home = folder / "home"
    shutil.copytree(BROKEN, home / "skills" / "spoiled")
    home.chmod(0o700)
    seed(home)
    settings = Settings(home=home, limits=LIMITS)
    dependencies = simulation(home=folder)
    with running(lambda: open_runtime(settings, {}, dependencies=dependencies), home=home) as server:
        it = Opened(server, home)
        waits = {"X-Agent": "night-batch", "Prefer": "respond-async"}
        ask(it, "POST", "/api/skills/openrouter/delete_key", {"hash": "batch-july"}, waits)
        yield it


@contextmanager
def crowded(folder: Path) -> Iterator[Opened]:
    """Keys that are missing, approvals, long names, budgets that are used up, and calls that wait."""
    with opened(folder, limits=CROWDED) as it:
        operator = {"X-Console-Key": it.let_in()}
        for agent in ("cursor", LONG_NAME):
            ask(it, "POST", "/api/operator/agents", {"agent": agent}, operator)
        ask(it, "POST", "/api/operator/agents/runaway/stop", {}, operator)
        for agent, times in (("nightly", 9), ("spent", 3), ("runaway", 1)):
            for _ in range(times):
                ask(it, "POST", "/api/skills/forms/look", {}, {"X-Agent": agent})
        waits = {"X-Agent": "asker", "Prefer": "respond-async"}
        for params, decision in WAITING:
            waiting = ask(it, "POST", "/api/skills/forms/every_kind", params, waits).json["waiting"]
            if decision:
                ask(it, "POST", f"/api/waiting/{waiting['id']}", decision, operator)
        yield it


@contextmanager
def empty(folder: Path) -> Iterator[Opened]:
    """Nothing is there yet."""
    (folder / "none").mkdir()
    with opened(folder, skills=(folder / "none",)) as it:
        yield it


WORLDS = {"simulated": simulated, "crowded": crowded, "empty": empty}


def main() -> None:
    everything = sys.argv[2] if sys.argv[1:2] == ["--all"] else None
    for name in WORLDS if everything else ("simulated",):
        with tempfile.TemporaryDirectory() as folder, WORLDS[name](Path(folder)) as it:
            told = {
                "browser": next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome")))),
                "url": it.url,
                "link": f"data:,{quote(it.link())}",
                "folder": everything or str(PICTURES),
                "all": everything is not None,
                "world": name,
            }
            Path(str(told["folder"])).mkdir(parents=True, exist_ok=True)
            python, script = (
                ROOT / "build" / "clients" / "bin" / "python",
                Path(__file__).parent / "browser" / "shoot.py",
            )
            subprocess.run([python, script], input=json.dumps(told), text=True, check=True, timeout=300)


if __name__ == "__main__":
    main()
