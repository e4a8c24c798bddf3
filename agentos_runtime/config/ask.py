"""`[ask]` in config.toml: which skill and which model `agentos ask` asks."""

import json
import re
from typing import Any

from agentos_runtime.config.tables import Reader, read_table
from agentos_runtime.frozen import dataclass
from agentos_runtime.regexes import regex

_TABLE = regex(r"^[ \t]*\[ask\][^\n]*\n?(?:(?![ \t]*\[)[^\n]*(?:\n|\Z))*?(?=^[ \t]*\[|\Z)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class AskSettings:
    """Whom to ask; None = not said."""

    skill: str | None = None
    model: str | None = None


def read_ask(raw: object, file: object) -> AskSettings:
    """The table `ask`. Raises SettingsError."""
    reader: Reader = _text
    return AskSettings(**read_table(raw, f"{file}: ask", {"skill": reader, "model": reader}))


def with_ask(text: str, ask: AskSettings) -> str:
    """The text of a config.toml in which the table says this; all else in it stays."""
    values = {"skill": ask.skill, "model": ask.model}
    said = "".join(
        f"{name} = {json.dumps(value, ensure_ascii=False)}\n" for name, value in values.items() if value is not None
    )
    rest = _TABLE.sub("", text).rstrip("\n")
    return f"{rest}\n\n[ask]\n{said}" if rest else f"[ask]\n{said}"


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("must be a text")
    return value
