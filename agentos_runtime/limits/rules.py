"""`[limits]` of `config.toml`: what each agent may do. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import field
from fnmatch import fnmatchcase
from typing import Any, Literal, NamedTuple, TypeAlias

from agentos_runtime.config.settings import SettingsError
from agentos_runtime.config.tables import Reader, amount, fraction, read_table, texts, whole
from agentos_runtime.errors import NotAllowed
from agentos_runtime.frozen import dataclass
from agentos_runtime.jsontext import Json
from agentos_runtime.limits.windows import Period

NANO = 1_000_000_000
"""Money is counted in whole billionths of a dollar, so that it adds up exactly."""
TOTAL = ""
"""The subject of `[limits.total]`; no agent has this name."""
UNLIMITED = "unlimited"

Unit: TypeAlias = Literal["tokens", "cost"]


class Pattern(NamedTuple):
    """Utilities: `github/*`, or of these only those with one effect, `github/*:write`."""

    names: str
    """Over `skill/utility`."""
    effect: str | None = None

    def matches(self, name: str, effect: str | None) -> bool:
        """effect: what the utility does; None = nobody knows, and then a pattern with an effect does not match."""
        return fnmatchcase(name, self.names) and self.effect in (None, effect)

    def __str__(self) -> str:
        return self.names if self.effect is None else f"{self.names}:{self.effect}"


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

    allow: tuple[Pattern, ...] | None = None
    """None = everything."""
    deny: tuple[Pattern, ...] = ()
    ask_person: tuple[Pattern, ...] = ()
    """Of what may be called, what a person says yes to first."""
    console_only: bool = False
    """Only a yes in the console counts."""
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
        whole = (each for each in self.deny if each.names == "*" or each.names.endswith("/*"))
        return allowed and not any(fnmatchcase(skill, _skill_part(each)) for each in whole if each.effect is None)

    def permits(self, skill: str, utility: str, effect: str | None) -> bool:
        """Whether the utility is among what may be called; what is denied is not, even when it is allowed too.

        effect: what it does at the service; None = nobody knows, and then every effect could be denied.
        """
        if self.permits_all:
            return True
        name = f"{skill}/{utility}"
        allowed = self.allow is None or any(pattern.matches(name, effect) for pattern in self.allow)
        denied = (pattern.matches(name, pattern.effect if effect is None else effect) for pattern in self.deny)
        return allowed and not any(denied)

    def asks_person(self, skill: str, utility: str, effect: str) -> bool:
        """Whether a person says yes to each call of the utility before it is made."""
        return any(pattern.matches(f"{skill}/{utility}", effect) for pattern in self.ask_person)


FREE = Rule()


def not_allowed(agent: str, skill: str, utility: str | None = None) -> NotAllowed:
    """For one utility, or for all that a skill has."""
    what = f"anything of {skill}" if utility is None else f"{skill}/{utility}"
    return NotAllowed(
        f'The agent "{agent}" may not call {what}: the limits in config.toml do not allow it. '
        "Ask the person who runs this server.",
        details={"skill": skill} | ({} if utility is None else {"utility": utility}),
        refused_by="not_allowed",
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
        own = self.of(agent)
        if not own.counts and not self.total.counts:
            return ()
        both = ((agent, own), (TOTAL, self.total))
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
    total = _values(tables.get("total", {}), f"{where}.total", without=_OF_AGENTS)
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
    return Rule(
        budgets=budgets,
        **{_RENAMED.get(name, name): value for name, value in values.items() if name not in _BUDGETS},
    )


def patterns_text(patterns: Iterable[Pattern]) -> list[Json]:
    """As they are written in `config.toml`."""
    return [str(pattern) for pattern in patterns]


def _skill_part(pattern: Pattern) -> str:
    return pattern.names.partition("/")[0]


def _limit(read: Reader) -> Reader:
    """None for `"unlimited"`, with which an agent's table lifts what the default says."""
    return lambda value: None if value == UNLIMITED else read(value)


def _patterns(value: Any) -> tuple[Pattern, ...]:
    """`openrouter` means all its utilities."""
    return tuple(_pattern(text) for text in texts(value))


def _pattern(text: str) -> Pattern:
    names, colon, effect = text.partition(":")
    if colon and effect not in EFFECTS:
        raise ValueError(f"may end in :{', :'.join(EFFECTS)}, and in nothing else after a colon")
    return Pattern(names if "/" in names or names == "*" else f"{names}/*", effect or None)


def _console_only(value: Any) -> bool:
    if value not in ("console", "any"):
        raise ValueError('must be "console" or "any"')
    return bool(value == "console")


def _allowed(value: Any) -> tuple[Pattern, ...] | None:
    return None if value == UNLIMITED else _patterns(value)


def _money(value: Any) -> int:
    return round(min(amount(value), 1e9) * NANO)


def _as_it_is(value: Any) -> Any:
    return value


EFFECTS = ("read", "write", "destroy")
_OF_AGENTS = ("allow", "deny", "ask_person", "ask_person_in")
"""Settings that mean nothing for all agents together."""
_RENAMED: Mapping[str, str] = {"ask_person_in": "console_only"}
_BUDGETS: Mapping[str, tuple[Unit, Period]] = {
    "tokens_per_day": ("tokens", "day"),
    "tokens_per_week": ("tokens", "week"),
    "cost_per_day": ("cost", "day"),
    "cost_per_week": ("cost", "week"),
}
PERIODS = frozenset(_BUDGETS)
"""The keys of budgets."""
_READERS: Mapping[str, Reader] = {
    "allow": _allowed,
    "deny": _patterns,
    "ask_person": _patterns,
    "ask_person_in": _console_only,
    "calls_per_minute": _limit(whole(1)),
    "concurrent": _limit(whole(1)),
    "tokens_per_day": _limit(whole(0)),
    "tokens_per_week": _limit(whole(0)),
    "cost_per_day": _limit(_money),
    "cost_per_week": _limit(_money),
    "max_cost": _limit(_money),
    "soft": fraction,
}
