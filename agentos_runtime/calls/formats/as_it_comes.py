"""What an answer is whose form nobody knows, or has proved: JSON, or something to hand on as it is."""

import re

from agentos_runtime.calls.formats.kinds import (
    BINARY,
    JSON,
    PAGE,
    TEXT,
    declared_kind,
    essence,
    seen_kind,
    told_kind,
)
from agentos_runtime.calls.formats.reading import other_kind
from agentos_runtime.jsontext import is_json
from agentos_runtime.manifest.model import AnswerFormat
from agentos_runtime.regexes import regex

ANY = "any"
_SHORT = 500
_FAILURE = regex(
    rb"err(or)?s?\b|fail|invalid|denied|refused|reject|unauthori[sz]|forbidden|exception|unknown|missing|expired|exceed"
    rb"|not[ _](found|allowed|ok)|limit|unavailable|no_|cannot|can't|could ?n[o']t|unable|prohibited|bad[ _]",
    re.IGNORECASE,
)
"""What services that answer 200 to all say when nothing was done."""
_SAYS_LITTLE = (None, TEXT, BINARY, PAGE)
"""What services write above JSON when nobody set a content type."""


def holds_json(content_type: str, body: bytes) -> bool:
    """Whether the answer is to be read as JSON: nothing at all is, and what says that it is JSON.

    An object or a list of JSON is too, where the content type says little; a number or a word may be any text.
    """
    kind = declared_kind(content_type)
    if kind is JSON or not body.strip():
        return True
    generic = kind in _SAYS_LITTLE and essence(content_type).partition("/")[0] in ("", "text", "application")
    return generic and seen_kind(body) is JSON and is_json(body)


def says_all_is_well(content_type: str, body: bytes) -> bool:
    """Whether it is a short text for people, without a tag and without a word of failure: `ok`."""
    said = told_kind(content_type, body) in (None, TEXT) and essence(content_type).partition("/")[0] in ("", "text")
    is_text = said and len(body) <= _SHORT and b"<" not in body and seen_kind(body) is None
    return is_text and not _FAILURE.search(body)


def differs(form: AnswerFormat, content_type: str, body: bytes) -> bool:
    """Whether the answer is whole and of another form than somebody wrote: not damaged, and no page for a person.

    JSON that says so is no text, though it can be read as one.
    """
    declared = declared_kind(content_type)
    if form.kind == JSON.name:
        return not (
            declared is JSON or holds_json(content_type, body) or _is_page(content_type, body) or is_json(body)
        )
    if not body.strip():
        return False
    if form.kind in ("text", "lines") and declared is JSON:
        return is_json(body)
    other = other_kind(form.kind, content_type, body)
    return other is not None and other is not PAGE


def _is_page(content_type: str, body: bytes) -> bool:
    return PAGE in (seen_kind(body), told_kind(content_type, body))
