"""Which of the tools one connection wants to be shown, and how."""

from collections.abc import Mapping, Sequence
from dataclasses import field
from fnmatch import fnmatchcase
from typing import Any, Literal, Protocol, TypeAlias, cast

from agentos_runtime.config.tables import Reader, flag, read_table, texts, whole
from agentos_runtime.frozen import dataclass

Mode: TypeAlias = Literal["auto", "tools", "search"]
MODES: tuple[Mode, ...] = ("auto", "tools", "search")


@dataclass(frozen=True, slots=True)
class Toolset:
    """What is listed. It hides and forbids nothing, but for `read_only`, which also holds for calls."""

    patterns: tuple[str, ...] | None = None
    """Over `skill/utility`; None = all."""
    mode: Mode = "auto"
    """`tools` lists each utility, `search` three tools to find and call them by, `auto` what fits the number."""
    read_only: bool = False
    skill: str | None = None
    """Of this one only."""
    use: bool = False
    """Whether `use_url` is there, too."""

    def shows(self, skill: str, utility: str) -> bool:
        if self.skill not in (None, skill):
            return False
        name = f"{skill}/{utility}"
        return self.patterns is None or any(fnmatchcase(name, pattern) for pattern in self.patterns)


def patterns_of(names: Sequence[str]) -> tuple[str, ...]:
    """`openrouter` means all its utilities, as in limits; `openrouter_chat` is the tool's own name."""
    return tuple(_pattern(name.strip()) for name in names if name.strip())


def _pattern(name: str) -> str:
    if "/" in name or name == "*":
        return name
    skill, separator, utility = name.partition("_")
    return f"{skill}/{utility}" if separator else f"{name}/*"


class Shelf(Protocol):
    """Where other processes of a home find what one of them keeps; used in threads."""

    def put(self, name: str, data: bytes) -> None: ...

    def get(self, name: str) -> tuple[bytes, float] | None:
        """What was put there, and the seconds for which it counts yet."""
        ...


@dataclass(frozen=True, slots=True)
class McpSettings:
    """`[mcp]` of config.toml."""

    toolset: Toolset = Toolset()
    agents: Mapping[str, Toolset] = field(default_factory=dict)
    """By agent's name, what differs from the above."""
    select: bool = True
    """Whether tools take `_select`."""
    max_text: int = 80_000
    """Characters of one result."""
    keeps: bool = True
    """Whether the rest is kept to be read; not where the next request may reach another machine."""
    shelf: Shelf | None = None
    """Where other processes of the home find what this one keeps."""

    def of(self, agent: str) -> Toolset:
        return self.agents.get(agent, self.toolset)


def read_mcp(raw: object, file: object) -> McpSettings:
    """The table `mcp`; `file` is named in errors. Raises SettingsError."""
    where = f"{file}: mcp"
    values = read_table(raw, where, _READERS)
    toolset = _toolset(values, Toolset())
    agents = values.get("agents", {})
    tables = {name: read_table(table, f"{where}.agents.{name}", _OF_TOOLSETS) for name, table in agents.items()}
    return McpSettings(
        toolset,
        {name: _toolset(table, toolset) for name, table in tables.items()},
        values.get("select", True),
        values.get("max_text", 80_000),
    )


def _toolset(values: Mapping[str, Any], base: Toolset) -> Toolset:
    return Toolset(
        values.get("tools", base.patterns),
        values.get("mode", base.mode),
        values.get("read_only", base.read_only),
        use=values.get("use", base.use),
    )


def mode(value: Any) -> Mode:
    if value not in MODES:
        raise ValueError(f"must be one of {', '.join(MODES)}")
    return cast("Mode", value)


def _tables(value: Any) -> Any:
    if not isinstance(value, Mapping):
        raise ValueError("must hold a table per agent: [mcp.agents.cursor]")
    return value


_OF_TOOLSETS: Mapping[str, Reader] = {
    "tools": lambda value: patterns_of(texts(value)),
    "mode": mode,
    "read_only": flag,
    "use": flag,
}
_READERS: Mapping[str, Reader] = {
    **_OF_TOOLSETS,
    "agents": _tables,
    "select": flag,
    "max_text": whole(2_000),
}
