"""Files of JSON that other programs wrote, in which anything may be of another type than said."""

import re
from collections.abc import Mapping
from typing import Any

from agentos_runtime import jsontext
from agentos_runtime.importers.api import ImportProblem


def read_json(data: bytes, kind: str) -> dict[str, Any]:
    """What a file says. Raises ImportProblem, with the kind that it was to be."""
    try:
        value = jsontext.parse(data.decode("utf-8-sig"))
    except (jsontext.JsonTextError, UnicodeDecodeError):
        raise ImportProblem(f"This is no {kind} file: it is not JSON") from None
    return as_map(value)


def as_map(value: Any) -> dict[str, Any]:
    return dict(value) if isinstance(value, Mapping) else {}


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def as_text(value: Any) -> str:
    """A text, a number; of an object the text that it holds."""
    if isinstance(value, Mapping):
        value = value.get("content", value.get("value"))
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def quoted(text: str) -> str:
    """A name or a value of a form; blanks stay as they are."""
    return re.sub(r"[%&=+#]", lambda found: f"%{ord(found[0]):02X}", text)
