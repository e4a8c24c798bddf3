"""`config.toml`: what it may say about limits, and how it is told what is wrong."""

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentos_runtime.config.settings import Settings, SettingsError
from agentos_runtime.limits.circuit_breaker import read_circuit_breaker
from agentos_runtime.limits.concurrency import read_concurrency
from agentos_runtime.limits.idempotency.replays import read_replays
from agentos_runtime.limits.rules import NANO, Rule, read_rules
from agentos_runtime.limits.source import RuleSource
from agentos_runtime.limits.windows import DAY, WEEK, begin_of, end_of


def rule(**values: Any) -> Rule:
    return read_rules({"default": values}, "config.toml").default


@pytest.mark.parametrize(
    ("values", "permitted", "not_permitted"),
    [
        ({}, ["a/b"], []),
        ({"allow": []}, [], ["a/b"]),
        (
            {"allow": ["openrouter/chat", "open-meteo/*"]},
            ["openrouter/chat", "open-meteo/x"],
            ["openrouter/models"],
        ),
        ({"allow": ["openrouter"]}, ["openrouter/chat"], ["openrouter2/chat"]),
        ({"deny": ["openrouter/*_key"]}, ["openrouter/chat"], ["openrouter/delete_key"]),
        ({"allow": ["*"], "deny": ["a"]}, ["b/c"], ["a/b"]),
    ],
)
def test_patterns_say_what_may_be_called_and_deny_wins(
    values: dict[str, Any], permitted: list[str], not_permitted: list[str]
) -> None:
    found = rule(**values)
    names = {name: name.split("/") for name in (*permitted, *not_permitted)}
    assert [name for name, (skill, utility) in names.items() if found.permits(skill, utility, "read")] == permitted


def test_a_pattern_can_be_narrowed_to_one_effect() -> None:
    found = rule(
        allow=["git/*:read", "git/merge"], deny=["git/secret*:read"], ask_person=["git:destroy", "*:write"]
    )
    effects = ("read", "write", "destroy", None)
    assert [found.permits("git", "log", effect) for effect in effects] == [True, False, False, False]
    assert [found.permits("git", "merge", effect) for effect in effects] == [True] * 4
    assert [rule(deny=["git:write"]).permits("git", "log", effect) for effect in effects] == [
        True,
        False,
        True,
        False,
    ]
    assert not found.permits("git", "secrets", "read")
    asked = [[found.asks_person(skill, "x", effect) for effect in effects[:3]] for skill in ("git", "hub")]
    assert asked == [[False, True, True], [False, True, False]]
    assert rule(deny=["git:write"]).reaches("git")


def test_an_agents_table_says_what_differs_from_the_default() -> None:
    rules = read_rules(
        {
            "default": {"calls_per_minute": 60, "cost_per_day": 1, "allow": ["a"]},
            "agents": {"nightly": {"cost_per_day": 2.5, "calls_per_minute": "unlimited", "allow": "unlimited"}},
        },
        "config.toml",
    )
    nightly, anybody = rules.of("nightly"), rules.of("anybody")
    assert (nightly.calls_per_minute, anybody.calls_per_minute) == (None, 60)
    assert [budget.most for rule in (nightly, anybody) for budget in rule.budgets] == [2_500_000_000, NANO]
    assert nightly.permits("b", "c", "read")
    assert not anybody.permits("b", "c", "read")


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"defualt": {}}, "limits.defualt is no setting; did you mean default?"),
        (
            {"default": {"calls_per_minut": 1}},
            "limits.default.calls_per_minut is no setting; did you mean calls_per_",
        ),
        (
            {"default": {"zzz": 1}},
            "limits.default.zzz is no setting; known: allow, deny, ask_person, ask_person_in, calls_per_minute",
        ),
        (
            {"default": {"calls_per_minute": "ten"}},
            "limits.default.calls_per_minute must be a whole number, 1 or more",
        ),
        ({"default": {"calls_per_minute": 0}}, "limits.default.calls_per_minute must be a whole number, 1 or more"),
        ({"default": {"concurrent": True}}, "limits.default.concurrent must be a whole number"),
        (
            {"agents": {"x": {"cost_per_day": -1}}},
            "limits.agents.x.cost_per_day must be a number, 0 or more, not -1",
        ),
        ({"agents": {"x": {"max_cost": float("nan")}}}, "limits.agents.x.max_cost must be a number"),
        ({"agents": {"x": {"soft": 1.2}}}, "limits.agents.x.soft must be a fraction such as 0.8, not 1.2"),
        ({"agents": {"x": {"allow": "chat"}}}, "limits.agents.x.allow must be a list such as"),
        ({"agents": {"x": 3}}, "limits.agents.x must be a table of allow, deny"),
        ({"agents": 3}, "limits.agents must hold a table per agent"),
        ({"agents": {" x": {}}}, "which no X-Agent can be"),
        ({"total": {"allow": ["a"]}}, "limits.total.allow is no setting"),
        ({"total": {"ask_person": ["a"]}}, "limits.total.ask_person is no setting"),
        ({"default": {"deny": ["a/*:wirte"]}}, "limits.default.deny may end in :read, :write, :destroy"),
        ({"default": {"ask_person_in": "bed"}}, 'limits.default.ask_person_in must be "console" or "any"'),
        ([], "limits must be a table"),
    ],
)
def test_what_is_wrong_is_named_with_its_file_its_key_and_what_it_must_be(table: Any, words: str) -> None:
    with pytest.raises(SettingsError) as raised:
        read_rules(table, "/home/ann/config.toml")
    assert str(raised.value).startswith("/home/ann/config.toml: limits")
    assert words in str(raised.value)


def test_the_other_tables_are_as_strict() -> None:
    for read, table, words in (
        (read_circuit_breaker, {"failures": 0}, "breaker.failures must be a whole number, 1 or more"),
        (read_replays, {"enable": True}, "idempotency.enable is no setting; did you mean enabled?"),
        (lambda raw, file: read_concurrency(raw, file, 8), {"queue": -1}, "fairness.queue must be a whole number"),
    ):
        with pytest.raises(SettingsError, match=words):
            read(table, "config.toml")


def test_a_table_that_is_none_is_refused_with_the_settings(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("limits = 3\n")
    with pytest.raises(SettingsError, match=r"limits .from .*config.toml. cannot be used: write it as a table"):
        Settings.from_environ({"AGENTOS_HOME": str(tmp_path), "AGENTOS_LIMITS": "no variable"})


def test_an_edited_file_counts_and_a_bad_save_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text("[limits.default]\ncalls_per_minute = 1\n")
    source = RuleSource(file, {"default": {"calls_per_minute": 1}})
    assert source.current().default.calls_per_minute == 1
    save(file, "[limits.default]\ncalls_per_minute = 22\n")
    assert source.current().default.calls_per_minute == 22
    for bad in ("[limits.default]\ncalls_per_minute = -3\n", "[limits", "unknown_setting = 1\n"):
        save(file, bad)
        assert source.current().default.calls_per_minute == 22
        assert str(file) in (source.problem or "")
    save(file, 'port = 3456\n[limits.agents."a b"]\nconcurrent = 5\n')
    assert source.current().of("a b").concurrent == 5
    assert source.problem is None
    file.unlink()
    assert not source.current().of("a b").counts


def save(file: Path, text: str) -> None:
    """As editors do: a new file in the place of the old one."""
    new = file.with_suffix(".new")
    new.write_text(text)
    os.replace(new, file)


@given(st.floats(min_value=0, max_value=4e9))
def test_every_moment_is_in_one_day_and_in_one_week_that_begins_on_a_monday(now: float) -> None:
    day, week = begin_of("day", now), begin_of("week", now)
    assert day <= now < end_of("day", now) == day + DAY
    assert week <= now < end_of("week", now) == week + WEEK
    assert (week - 4 * DAY) % WEEK == 0
    assert week <= day
