"""The sentence that says what failed, found in whatever an upstream sent: JSON in JSON, a text, a web page."""

import codecs
import re
from collections.abc import Collection, Iterator
from html import unescape

from agentos_runtime.jsontext import Json, JsonTextError, dump, parse
from agentos_runtime.regexes import regex

LONGEST_WORDS = 2_000
LONGEST_RAW = 20_000

_DECODER = codecs.getincrementaldecoder("utf-8")
_GENERIC = regex(r"\s*(provider returned error|error|unknown error|internal server error)?[.!]?\s*", re.IGNORECASE)
_PAGE = "an HTML page: "
_SAID_UNDER = (
    *("error_description", "error", "errors", "message", "detail", "msg", "reason", "title", "raw", "body"),
    *("error_msg", "error_message", "errorMessage", "errmsg", "err_msg", "status_msg", "Message"),
)
_TAGS = regex(r"<(script|style)\b.*?</\1>|<[^>]*>", re.IGNORECASE | re.DOTALL)
_SAID_IN_XML = regex(r"<(?:\w+:)?(?:message|faultstring|reason|detail)>([^<]*)</", re.IGNORECASE)
_TITLE = regex(r"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)


def own_words(message: Json, raw: Json) -> str | None:
    """The message, unless it says nothing and the provider's raw answer says more."""
    said = message if isinstance(message, str) else None
    if said is not None and not _GENERIC.fullmatch(said):
        return clip(said)
    return words_in(opened(raw)) or (clip(said) if said and said.strip() else None)


def opened(raw: Json) -> Json:
    """A raw answer that is JSON text, as what it holds."""
    if not isinstance(raw, str):
        return raw
    try:
        return parse(raw)
    except JsonTextError:
        return raw


def words_in(document: Json, depth: int = 0) -> str | None:
    """The sentence somewhere in an error document, looked for under the names that services use."""
    if isinstance(document, str):
        return _text_words(document, depth)
    if depth > 4:
        return None
    if isinstance(document, list):
        return next((words for item in document[:5] if (words := words_in(item, depth + 1))), None)
    if not isinstance(document, dict):
        return None
    general = None
    for said in _places(document):
        words = words_in(said, depth + 1)
        if words and not _GENERIC.fullmatch(words):
            return f"{place}: {words}" if (place := _place_in(document)) else words
        general = general or words
    return general


def _place_in(document: dict[str, Json]) -> str | None:
    """What a problem is about, as FastAPI tells it: `{"loc": ["body", "messages", 0], "msg": "Field required"}`."""
    loc = document.get("loc")
    parts = [str(part) for part in loc if isinstance(part, (str, int))] if isinstance(loc, list) else []
    return clip(".".join(parts[1:] if parts[:1] == ["body"] else parts))


def told_beside(document: dict[str, Json], told: Collection[Json]) -> dict[str, Json] | None:
    """What a failure that is told in no usual shape says beside what was `told` of it, as far as there is room."""
    said: dict[str, Json] = {}
    room = LONGEST_RAW
    for name, value in document.items():
        plain = clip(value) if isinstance(value, str) else value
        if plain in (None, "", [], {}) or any(plain == each for each in told):
            continue
        size = len(dump(bounded(value)))
        if size <= room:
            said[name] = bounded(value)
            room -= size
    return said or None


def _places(document: dict[str, Json]) -> Iterator[Json]:
    """Where a document may say what failed."""
    for name in _SAID_UNDER:
        yield document.get(name)
    base = document.get("base_resp")  # MiniMax has one in each answer
    if isinstance(base, dict) and base.get("status_code") not in (0, "0", None):
        yield base
    yield from (said for name, said in document.items() if name.endswith("Exception") and isinstance(said, dict))


def named_code(document: Json) -> str | int | None:
    """The code that a document names, under the names that services use."""
    if not isinstance(document, dict):
        return None
    base = document.get("base_resp")
    codes = [document.get("code"), document.get("error_code"), document.get("errorCode")]
    codes += [base.get("status_code")] if isinstance(base, dict) else []
    codes += [name for name, said in document.items() if name.endswith("Exception") and isinstance(said, dict)]
    return next((code for code in codes if isinstance(code, (str, int)) and code), None)


def _text_words(text: str, depth: int) -> str | None:
    """Words of a text, which may be JSON itself: gateways put one's answer into another's."""
    held = opened(text) if depth <= 4 and text.lstrip().startswith(("{", "[")) else text
    within = None if isinstance(held, str) else words_in(held, depth + 1)
    return within or plain_words(text.encode("utf-8", "replace"))


def page_words(body: bytes) -> str | None:
    """What a web page in the place of an answer is about; None for what is no page."""
    words = plain_words(body)
    return words if words and words.startswith(_PAGE) else None


def plain_words(body: bytes) -> str | None:
    """Readable words of a text or an HTML page.

    NUL is no word, and stands between all letters of UTF-16, where no secret would be known again.
    """
    text = beginning(body, LONGEST_WORDS * 8).replace("\0", "")
    if "<" in text and re.search(r"<(html|!doctype|body|head|title)\b", text, re.IGNORECASE):
        title = _TITLE.search(text)
        text = f"{_PAGE}{(title[1] if title else _TAGS.sub(' ', text)).strip()}"
    elif text.lstrip().startswith("<") and (said := _SAID_IN_XML.search(text)):
        text = unescape(said[1])
    return clip(text) or None


def beginning(text: bytes, most: int) -> str:
    """The text, or what is whole of its first bytes, and `…`.

    Before that mark, what may be the beginning of a secret is taken out: half of a character would hide it.
    """
    if len(text) <= most:
        return text.decode("utf-8", "replace")
    return _DECODER("replace").decode(text[:most]) + "…"


def clip(text: str) -> str | None:
    words = " ".join(text.split()).rstrip(".")
    return words if len(words) <= LONGEST_WORDS else f"{words[:LONGEST_WORDS]}…"


def bounded(raw: Json) -> Json:
    if isinstance(raw, str) and len(raw) > LONGEST_RAW:
        return f"{raw[:LONGEST_RAW]}…"
    return raw
