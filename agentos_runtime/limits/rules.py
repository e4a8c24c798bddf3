"""`[limits]` of `config.toml`: what each agent may do. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Literal, TypeAlias

from agentos_runtime.config.settings import SettingsError
from agentos_runtime.config.tables import Reader, amount, fraction, read_table, texts, whole
from agentos_runtime.errors import NotAllowed
from agentos_runtime.limits.windows import Period

NANO = 1_000_000_000
"""Money is counted in whole billionths of a dollar, so that it adds up exactly."""
TOTAL = ""
"""The subject of `[limits.total]`; no agent has this name."""
UNLIMITED = "unlimited"

Unit: TypeAlias = Literal["tokens", "cost"]


@dataclass(frozen=True, slots=True)
class Budget:
    """So much per day or week: tokens, or billionths of a dollar."""

    name: str
    """The key: `cost_per_day`."""
    unit: Unit
    period: Period
    most: int


@dataclass(frozen=True, slots=True)
class Rule:
    """What one agent may do; None = no limit."""

    allow: tuple[str, ...] | None = None
    """Patterns over `skill/utility`; None = everything."""
    deny: tuple[str, ...] = ()
    calls_per_minute: int | None = None
    concurrent: int | None = None
    budgets: tuple[Budget, ...] = ()
    max_cost: int | None = None
    """Billionths of a dollar that one call may cost."""
    soft: float = 0.8
    """The part of a budget from which on replies carry a warning."""

    @property
    def counts(self) -> bool:
        """Whether anything has to be counted for it."""
        return bool(
            self.budgets
            or self.calls_per_minute is not None
            or self.concurrent is not None
            or self.max_cost is not None
        )

    @property
    def permits_all(self) -> bool:
        """Whether everything may be called."""
        return self.allow is None and not self.deny

    def reaches(self, skill: str) -> bool:
        """Whether a utility of the skill could be among what may be called, whatever utilities it has."""
        allowed = self.allow is None or any(fnmatchcase(skill, _skill_part(pattern)) for pattern in self.allow)
        whole = (pattern for pattern in self.deny if pattern == "*" or pattern.endswith("/*"))
        return allowed and not any(fnmatchcase(skill, _skill_part(pattern)) for pattern in whole)

    def permits(self, skill: str, utility: str) -> bool:
        """Whether the utility is among what may be called; what is denied is not, even when it is allowed too."""
        name = f"{skill}/{utility}"
        allowed = self.allow is None or any(fnmatchcase(name, pattern) for pattern in self.allow)
        return allowed and not any(fnmatchcase(name, pattern) for pattern in self.deny)


FREE = Rule()


def not_allowed(agent: str, skill: str, utility: str | None = None) -> NotAllowed:
    """For one utility, or for all that a skill has."""
    what = f"anything of {skill}" if utility is None else f"{skill}/{utility}"
    return NotAllowed(
        f'The agent "{agent}" may not call {what}: the limits in config.toml do not allow it. '
        "Ask the person who runs this server.",
        details={"skill": skill} | ({} if utility is None else {"utility": utility}),
    )


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of all agents."""

    default: Rule = FREE
    agents: Mapping[str, Rule] = field(default_factory=dict)
    total: Rule = FREE
    """Of all agents together."""

    def of(self, agent: str) -> Rule:
        return self.agents.get(agent, self.default)

    def subjects(self, agent: str) -> tuple[tuple[str, Rule], ...]:
        """Whose counters a call of this agent moves: its own, and those of all together."""
        both = ((agent, self.of(agent)), (TOTAL, self.total))
        return tuple((subject, rule) for subject, rule in both if rule.counts)


def read_rules(raw: object, file: object) -> Rules:
    """The table `limits`; `file` is named in errors. Raises SettingsError.

    An agent's table says what differs from `[limits.default]`.
    """
    where = f"{file}: limits"
    tables = read_table(raw, where, {"default": _as_it_is, "agents": _as_it_is, "total": _as_it_is})
    default = _values(tables.get("default", {}), f"{where}.default")
    agents = tables.get("agents", {})
    if not isinstance(agents, Mapping):
        raise SettingsError(f"{where}.agents must hold a table per agent: [limits.agents.cursor]")
    total = _values(tables.get("total", {}), f"{where}.total", without=("allow", "deny"))
    return Rules(
        default=_rule(default),
        agents={
            name: _rule(default | _values(table, f"{where}.agents.{_name(name, where)}"))
            for name, table in agents.items()
        },
        total=_rule(total),
    )


def _name(name: str, where: str) -> str:
    if not (0 < len(name) <= 64 and name.isascii() and name.isprintable() and name == name.strip()):
        raise SettingsError(
            f"{where}.agents has {name!r}, which no X-Agent can be: 1 to 64 printable ASCII characters, "
            "no space at the ends"
        )
    return name


def _values(raw: object, where: str, without: tuple[str, ...] = ()) -> dict[str, Any]:
    return read_table(raw, where, {name: reader for name, reader in _READERS.items() if name not in without})


def _rule(values: Mapping[str, Any]) -> Rule:
    budgets = tuple(
        Budget(name, unit, period, values[name])
        for name, (unit, period) in _BUDGETS.items()
        if values.get(name) is not None
    )
    return Rule(budgets=budgets, **{name: value for name, value in values.items() if name not in _BUDGETS})


def _skill_part(pattern: str) -> str:
    return pattern.partition("/")[0]


def _limit(read: Reader) -> Reader:
    """None for `"unlimited"`, with which an agent's table lifts what the default says."""
    return lambda value: None if value == UNLIMITED else read(value)


def _patterns(value: Any) -> tuple[str, ...]:
    """`openrouter` means all its utilities."""
    return tuple(text if "/" in text or text == "*" else f"{text}/*" for text in texts(value))


def _allowed(value: Any) -> tuple[str, ...] | None:
    return None if value == UNLIMITED else _patterns(value)


def _money(value: Any) -> int:
    return round(min(amount(value), 1e9) * NANO)


def _as_it_is(value: Any) -> Any:
    return value


_BUDGETS: Mapping[str, tuple[Unit, Period]] = {
    "tokens_per_day": ("tokens", "day"),
    "tokens_per_week": ("tokens", "week"),
    "cost_per_day": ("cost", "day"),
    "cost_per_week": ("cost", "week"),
}
_READERS: Mapping[str, Reader] = {
    "allow": _allowed,
    "deny": _patterns,
    "calls_per_minute": _limit(whole(1)),
    "concurrent": _limit(whole(1)),
    "tokens_per_day": _limit(whole(0)),
    "tokens_per_week": _limit(whole(0)),
    "cost_per_day": _limit(_money),
    "cost_per_week": _limit(_money),
    "max_cost": _limit(_money),
    "soft": fraction,
}
