"""Text that others wrote, made fit to be shown: what a terminal obeys, reorders or hides becomes `\\u202e`."""

import unicodedata

from agentos_runtime.regexes import regex

_IGNORED = regex(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0d\uffa0\U000e0100-\U000e01ef]"
)
"""What takes no room or shows nothing, though it counts as printable. The marks of emoji (U+FE0E, U+FE0F) stay."""
_STEERING = regex(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff"
    "\U000e0000-\U000e007f]"
)


def visible(text: str, *, keep: str = "") -> str:
    """The text with an escape for each character that would not show as itself, but those of `keep`."""
    if text.isprintable() and _IGNORED.search(text) is None:
        return text
    return "".join(char if char in keep or _shows(char) else escaped(char) for char in text)


def visible_json(text: str) -> str:
    """JSON text of the same value, in characters that show as themselves; line breaks between its parts stay."""
    if text.isprintable() and _IGNORED.search(text) is None:
        return text
    return "".join(char if char == "\n" or _shows(char) else _json_escape(char) for char in text)


def escaped(char: str) -> str:
    """`\\u202e`, `\\U000e0041`."""
    return f"\\u{ord(char):04x}" if ord(char) < 0x10000 else f"\\U{ord(char):08x}"


def steering(text: str) -> int | None:
    """Where the first character stands that no name may have: it steers a terminal, reorders a line or hides."""
    found = _STEERING.search(text)
    return None if found is None else found.start()


def _shows(char: str) -> bool:
    return (char.isprintable() or unicodedata.category(char) == "Zs") and _IGNORED.match(char) is None


def _json_escape(char: str) -> str:
    code = ord(char)
    if code < 0x10000:
        return f"\\u{code:04x}"
    code -= 0x10000
    return f"\\u{0xD800 + (code >> 10):04x}\\u{0xDC00 + (code & 0x3FF):04x}"
