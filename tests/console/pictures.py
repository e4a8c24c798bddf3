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
from tests.console.conftest import Opened
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


def main() -> None:
    everything = sys.argv[2] if sys.argv[1:2] == ["--all"] else None
    with tempfile.TemporaryDirectory() as folder, simulated(Path(folder)) as it:
        told = {
            "browser": next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome")))),
            "url": it.url,
            "link": f"data:,{quote(it.link())}",
            "folder": everything or str(PICTURES),
            "all": everything is not None,
        }
        Path(str(told["folder"])).mkdir(parents=True, exist_ok=True)
        python, script = (
            ROOT / "build" / "clients" / "bin" / "python",
            Path(__file__).parent / "browser" / "shoot.py",
        )
        subprocess.run([python, script], input=json.dumps(told), text=True, check=True, timeout=300)


if __name__ == "__main__":
    main()
