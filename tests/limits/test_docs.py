"""docs/limits.md says what there is."""

import re
import tomllib
from pathlib import Path

from agentos_runtime.config.settings import TABLES, Settings
from agentos_runtime.limits.circuit_breaker import BreakerSettings, read_circuit_breaker
from agentos_runtime.limits.concurrency import LaneSettings, read_concurrency
from agentos_runtime.limits.idempotency.replays import ReplaySettings, read_replays
from agentos_runtime.limits.rules import read_rules

PAGE = (Path(__file__).parents[2] / "docs" / "limits.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```toml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def test_the_examples_together_are_a_config_that_works(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("\n".join(EXAMPLES), encoding="utf-8")
    settings = Settings.from_environ({"AGENTOS_HOME": str(tmp_path)})
    rules = read_rules(settings.limits, "config.toml")
    assert rules.of("nightly").calls_per_minute is None
    assert rules.of("nightly").permits("any", "thing", "read")
    assert not rules.of("somebody").permits("openrouter", "models", "read")
    assert [budget.name for budget in rules.total.budgets] == ["cost_per_week"]
    assert all(
        getattr(settings, table)
        for table in TABLES
        - {"skill_settings", "mcp", "metrics", "telemetry", "faces", "ask", "notify", "activity"}
    )


def test_the_defaults_it_shows_are_the_true_ones() -> None:
    shown = tomllib.loads("\n".join(EXAMPLES[1:]))
    assert read_circuit_breaker(shown["breaker"], "") == BreakerSettings()
    assert read_concurrency({}, "", 1024) == read_concurrency(shown["fairness"], "", 1024) == LaneSettings()
    assert read_replays(shown["idempotency"] | {"enabled": False}, "") == ReplaySettings()


def test_every_key_of_a_limit_is_explained() -> None:
    explained = {
        word for row in re.findall(r"^\| (`.*?) \|", PAGE, re.MULTILINE) for word in re.findall("`(.*?)`", row)
    }
    keys = {key for table in tomllib.loads(EXAMPLES[0])["limits"]["agents"].values() for key in table}
    assert keys | {"tokens_per_week"} <= explained
