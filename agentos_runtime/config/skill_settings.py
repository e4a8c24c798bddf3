"""`[skill_settings.<id>]` in config.toml, written by a command: what else stands in the file stays as it is."""

import json
import re
import tomllib
from collections.abc import Mapping

from agentos_runtime.jsontext import Json
from agentos_runtime.regexes import regex

_BARE = regex(r"[A-Za-z0-9_-]+")


def with_skill_settings(text: str, skill: str, values: Mapping[str, str | int | float | bool]) -> str | None:
    """The text of a config.toml that says these values for a skill; None where only a person can write them in.

    A table in another form than `[skill_settings.<id>]`, or a value over several lines, is such a place: what is
    given says, read again, all that the text said, and these values.
    """
    try:
        before = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return None
    wanted: dict[str, Json] = {**before}
    tables = wanted.get("skill_settings", {})
    if not isinstance(tables, dict) or not isinstance(tables.get(skill, {}), dict):
        return None
    own = tables.get(skill, {})
    assert isinstance(own, dict)
    wanted["skill_settings"] = {**tables, skill: {**own, **values}}
    written = _written(text, skill, values)
    try:
        return written if tomllib.loads(written) == wanted else None
    except tomllib.TOMLDecodeError:
        return None


def _written(text: str, skill: str, values: Mapping[str, str | int | float | bool]) -> str:
    lines = text.split("\n")
    if not lines[-1]:
        lines.pop()
    own = f'(?:{re.escape(skill)}|"{re.escape(skill)}")'
    header = re.compile(rf"[ \t]*\[[ \t]*skill_settings[ \t]*\.[ \t]*{own}[ \t]*\][ \t]*(?:#.*)?\r?")
    at = next((number for number, line in enumerate(lines) if header.fullmatch(line)), None)
    if at is None:
        lines += [""] if lines and lines[-1].strip() else []
        lines.append(f"[skill_settings.{_name(skill)}]")
        at = len(lines) - 1
    end = next(
        (number for number in range(at + 1, len(lines)) if lines[number].lstrip().startswith("[")), len(lines)
    )
    for name, value in values.items():
        said = f"{_name(name)} = {json.dumps(value, ensure_ascii=False)}"
        value_of = re.compile(rf"[ \t]*(?:{re.escape(name)}|\"{re.escape(name)}\")[ \t]*=.*")
        line = next((number for number in range(at + 1, end) if value_of.fullmatch(lines[number])), None)
        if line is None:
            lines.insert(at + 1, said)
            end += 1
        else:
            lines[line] = said
    return "\n".join(lines) + "\n"


def _name(text: str) -> str:
    return text if _BARE.fullmatch(text) else json.dumps(text, ensure_ascii=False)
