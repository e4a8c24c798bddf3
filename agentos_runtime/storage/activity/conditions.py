"""The filters of questions about rows, as SQL."""

from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType

from agentos_runtime.errors import InvalidParams, ParamProblem
from agentos_runtime.frozen import dataclass
from agentos_runtime.regexes import regex
from agentos_runtime.storage.activity.sight import EVERYTHING, Sight
from agentos_runtime.storage.activity.tallies import DIMENSIONS

OUTCOMES = ("ok", "error", "cancelled", "interrupted", "started", "waiting")
OF_SUMS = ("agent", "skill", "utility", "model")
"""Filters that rows which were added up can still answer."""
OF_ROWS = ("outcome", "code", "request_id")

_UNITS = MappingProxyType({"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800})
_DURATION = regex(r"([0-9]{1,9})([smhdw])")


@dataclass(frozen=True, slots=True)
class Conditions:
    """What is asked for: who may see it, what must be equal, and from when to when (milliseconds since 1970)."""

    sql: str
    values: tuple[str | int, ...]
    since: int | None
    until: int | None
    equal: Mapping[str, str]
    """What must be equal, by its column."""
    sight: Sight

    @property
    def sums(self) -> bool:
        """Whether rows that were added up can answer it."""
        return not self.equal.keys() & set(OF_ROWS)

    @property
    def whole(self) -> bool:
        """Whether nothing but the times narrows it."""
        return self.sight == EVERYTHING and not self.equal

    @property
    def names(self) -> Mapping[str, str]:
        """Of what must be equal that by which rows are found in tallies."""
        own = {} if self.sight.only is None else {"agent": self.sight.only}
        return {name: value for name, value in {**self.equal, **own}.items() if name in DIMENSIONS}

    def where(self) -> tuple[str, tuple[str | int, ...]]:
        """With the times."""
        sql, values = self.sql, self.values
        for moment, condition in ((self.since, "started_at >= ?"), (self.until, "started_at < ?")):
            if moment is not None:
                sql, values = f"{sql} AND {condition}", (*values, moment)
        return sql, values


def read_conditions(
    filters: Mapping[str, str], sight: Sight, now: float, problems: list[ParamProblem]
) -> Conditions:
    """Filters: agent, skill, utility, model, outcome, code, request_id, since, until.

    now: epoch seconds, for durations. What is wrong goes to `problems`.
    """
    seen, agents = sight.condition()
    equal = {
        name: filters[name].encode("utf-8", "replace").decode("utf-8")
        for name in (*OF_SUMS, *OF_ROWS)
        if name in filters
    }
    conditions = " AND ".join([seen, *(f"{name} = ?" for name in equal)])
    if filters.get("outcome", "ok") not in OUTCOMES:
        problems.append(ParamProblem("outcome", f"must be one of {', '.join(OUTCOMES)}"))
    since, until = (_moment(filters, name, now, problems) for name in ("since", "until"))
    return Conditions(conditions, (*agents, *equal.values()), since, until, equal, sight)


def refuse(problems: list[ParamProblem]) -> None:
    """Raises InvalidParams when there is a problem."""
    if problems:
        raise InvalidParams(
            "The query cannot be read: " + "; ".join(f"{p.path} {p.message}" for p in problems), problems=problems
        )


def seconds_of(text: str) -> int | None:
    """Of a duration such as `30d`; None when it is none."""
    duration = _DURATION.fullmatch(text)
    return int(duration[1]) * _UNITS[duration[2]] if duration else None


def moment_of(text: str, now: float) -> int | None:
    """Milliseconds since 1970 of an ISO time, or of a duration (`30d`) before `now`; None when it is neither."""
    if (seconds := seconds_of(text)) is not None:
        return int((now - seconds) * 1000)
    try:
        moment = datetime.fromisoformat(text.replace(" ", "+"))  # a `+` in a query arrives as a space
        return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, OverflowError):
        return None


def _moment(filters: Mapping[str, str], name: str, now: float, problems: list[ParamProblem]) -> int | None:
    if name not in filters:
        return None
    moment = moment_of(filters[name], now)
    if moment is None:
        problems.append(ParamProblem(name, "must be a time (2026-11-20T08:00:00Z) or a duration (24h, 7d)"))
    return moment
