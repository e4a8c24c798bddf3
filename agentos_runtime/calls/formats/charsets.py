"""Bytes of an answer as text, by its byte order mark, the charset it names, what the manifest says, or UTF-8."""

import codecs
import re
from collections.abc import Callable

from agentos_runtime.regexes import regex

_KNOWN = regex(
    r"(?:us-)?ascii|utf[-_]?(?:8|16|32)(?:[-_]?[lb]e)?|iso[-_]?8859[-_]?(?:1[0-6]?|1[0-6]|[2-9])|latin[-_]?[19]"
    r"|(?:windows|cp)[-_]?(?:125[0-8]|437|850|866|874|932|949)|koi8[-_][ru]|shift[-_]?jis|euc[-_](?:jp|kr)"
    r"|iso[-_]2022[-_]jp|gb2312|gbk|gb18030|big5|macintosh|mac[-_]roman",
    re.IGNORECASE,
)
"""Names that are believed. Python knows codecs that are no charsets, and some that take very long."""
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
WIDE_MARKS = tuple(mark for mark, name in _MARKS if name != "utf-8")
_PARAMETER = regex(r""";\s*charset\s*=\s*(?:"([^"]*)"|([^;\s"]*))""", re.IGNORECASE)
_LATIN_1 = frozenset({"iso8859-1", "ascii"})


class FormatError(ValueError):
    """The answer is not of the form that it is read as. The message quotes nothing of it."""


def known_charset(name: str) -> bool:
    """Whether text can be read in the charset of that name."""
    return _KNOWN.fullmatch(name.strip()) is not None


def named_charset(content_type: str) -> str | None:
    """The `charset` of a Content-Type."""
    found = _PARAMETER.search(content_type)
    return (found[1] or found[2] or "").strip() or None if found else None


def decode(body: bytes, content_type: str, otherwise: str | None = None) -> str:
    """The text, without its byte order mark. `otherwise` is the charset of an answer that names none.

    Raises FormatError for bytes that are no text in that charset, and for charsets that are not known.
    """
    for mark, name in _MARKS:
        if body.startswith(mark):
            return _decoded(body[len(mark) :], name)
    return _decoded(body, named_charset(content_type) or otherwise or "utf-8")


def in_utf8(body: bytes, content_type: str) -> bytes | None:
    """A text without its byte order mark, in UTF-8; None where neither a mark nor a charset tells how to read it.

    For what could not be read as UTF-8, which JSON should be in and what names another charset often is in.
    """
    marked = any(body.startswith(mark) for mark, _ in _MARKS)
    if not marked and named_charset(content_type) is None:
        return None
    try:
        return decode(body, content_type).encode("utf-8")
    except (FormatError, UnicodeEncodeError):
        return None


def rewritten(body: bytes, content_type: str, rewrite: Callable[[str], str]) -> bytes:
    """The bytes with their text rewritten, in the charset that they are in.

    The very same where that changes nothing, of what is no text, and of UTF-8, which is looked at as bytes.
    """
    found = ((mark, name) for mark, name in _MARKS if body.startswith(mark))
    mark, name = next(found, (b"", named_charset(content_type) or "utf-8"))
    if not known_charset(name) or codecs.lookup(name).name == "utf-8":
        return body
    try:
        text = body[len(mark) :].decode(name)
    except UnicodeDecodeError:
        return body
    new = rewrite(text)
    return body if new == text else mark + new.encode(name, "replace")


def wide_charset(begin: bytes, content_type: str) -> str | None:
    """In which of UTF-16 and UTF-32 a text is that begins so; None where neither a mark nor a charset says that."""
    name = next((name for mark, name in _MARKS if begin.startswith(mark)), named_charset(content_type) or "")
    if not name.lower().startswith("utf") or not known_charset(name):
        return None
    found = codecs.lookup(name).name
    if found in ("utf-16", "utf-32"):  # which end comes first is not said: letters of most texts tell
        found += "-be" if begin.startswith(b"\0") else "-le"
    return found if found.startswith(("utf-16", "utf-32")) else None


def _decoded(body: bytes, charset: str) -> str:
    if not known_charset(charset):
        raise FormatError("it is written in a charset that is not known here")
    name = codecs.lookup(charset.strip()).name
    if name in _LATIN_1:  # as browsers read it: what names this is mostly written in the other
        try:
            return body.decode("cp1252")
        except UnicodeDecodeError:
            name = "iso8859-1"
    try:
        return body.decode(name)
    except UnicodeDecodeError as error:
        raise FormatError(f"it is not {charset.strip().upper()} at byte {error.start}") from None
