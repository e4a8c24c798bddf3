"""Secrets that never enter jq: a fresh placeholder stands for each inside, and is replaced outside.

Older manifests write `.auth.key` in a url, header or query. What jq does to a placeholder is repeated on the secret
when it is one of the known ways (whole, in base64, split at a character); anything else is refused.
"""

import base64
import binascii
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

_BASE64_RUN = re.compile(r"[A-Za-z0-9+/]{16,}={0,2}")
_SPLIT = re.compile(
    r"""\.auth\.(?P<field>[A-Za-z_]\w*)\s*\|\s*split\(\s*"(?P<at>[^"\\]{1,8})"\s*\)\s*(?:\|\s*\.)?\[(?P<index>[01])\]"""
)


class PlaceholderError(ValueError):
    """A placeholder did not come out whole; the message says what may be done with a credential instead."""


@dataclass(frozen=True, slots=True)
class Placeholders:
    """One call's placeholders by the field they stand for (`key`, or `key split ":" 0` for a part)."""

    by_field: Mapping[str, str] = field(repr=False)

    REMEDY: ClassVar[str] = "a credential may only be used whole, in @base64, or split at a character"

    @classmethod
    def fresh(cls, fields: frozenset[str]) -> "Placeholders":
        return cls({name: f"agentos{secrets.token_hex(16)}" for name in fields})

    def restore(self, text: str, reveal: Callable[[str], str]) -> str:
        """`text` with each whole placeholder replaced by its secret. Raises PlaceholderError for a damaged one."""
        replaced = text
        for name, mark in self.by_field.items():
            if mark in replaced:
                replaced = replaced.replace(mark, reveal(name))
        if replaced == text:
            replaced = _BASE64_RUN.sub(lambda run: self._restore_base64(run.group(), reveal), text)
        if replaced == text and self._damaged(text):
            raise PlaceholderError(self.REMEDY)
        return replaced

    def _restore_base64(self, run: str, reveal: Callable[[str], str]) -> str:
        try:
            inner = base64.b64decode(run, validate=True).decode("utf-8")
        except (binascii.Error, UnicodeDecodeError):
            return run
        if not any(mark in inner for mark in self.by_field.values()):
            return run
        return base64.b64encode(self.restore(inner, reveal).encode()).decode("ascii")

    def _damaged(self, text: str) -> bool:
        lowered = text.lower()
        marks = (mark.removeprefix("agentos") for mark in self.by_field.values())
        return any(mark[i : i + 8] in lowered for mark in marks for i in range(len(mark) - 7))


def name_splits(source: str) -> tuple[str, frozenset[str]]:
    """Rewrite `.auth.key | split(":")[0]` into a field of its own; returns the source and the fields it added."""
    added: set[str] = set()

    def named(found: re.Match[str]) -> str:
        name = f"{found['field']} split {found['at']} {found['index']}"
        added.add(name)
        return f'.auth["{name}"]'

    return _SPLIT.sub(named, source), frozenset(added)


def split_field(name: str, reveal: Callable[[str], str]) -> str:
    """The secret behind a field name of `name_splits`, or of a plain field."""
    found = re.fullmatch(r"(\w+) split (.+) ([01])", name)
    if not found:
        return reveal(name)
    pieces = reveal(found[1]).split(found[2])
    index = int(found[3])
    return pieces[index] if index < len(pieces) else ""


def split_pieces(names: frozenset[str], reveal: Callable[[str], str]) -> list[str]:
    """What the fields of `name_splits` among these cut out of the secrets: as secret as the whole."""
    return [split_field(name, reveal) for name in names if " split " in name]
