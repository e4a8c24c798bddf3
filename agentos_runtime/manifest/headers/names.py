"""Which headers a manifest may set, and what a header may hold: one rule for every place where a header is named.

RFC 9110: a name is a token. A value holds visible ASCII characters, with spaces and tabs between them; what is
beyond ASCII has no encoding that both sides agree on, so it is refused instead of arriving as something else.
"""

import re
import unicodedata

from agentos_runtime.regexes import regex

LONGEST = 256
"""Characters of a header's name."""
_TOKEN = regex(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_OF_THE_CLIENT = regex(
    r"host|content-length|transfer-encoding|connection|keep-alive|te|trailer|upgrade|expect|http2-settings|proxy-.*",
    re.IGNORECASE,
)
"""What frames a message or steers the connection (RFC 9110, 7.6.1; RFC 9112, 6)."""
_MEANT_OTHERWISE = regex(
    r"content-.*|accept(?:-.*)?|user-agent|range|if-.*|origin|referer|from|date|via|forwarded|x-forwarded-.*"
    r"|x-real-ip|x-original-.*|x-rewrite-.*|x-http-method.*|x-method.*|.*-override|cache-control|pragma|link|sec-.*"
    r"|max-forwards|access-control-.*|early-data|priority|cookie2?|set-cookie2?|signature|signature-input|dpop",
    re.IGNORECASE,
)
"""Headers whose value says what is asked for, by whom or from where: no caller of a utility may write them."""
_OF_A_CREDENTIAL = regex(
    r".*(?:auth|api[-_.]?key|access[-_.]?key|token|secret|passw|credential|session|csrf|xsrf|jwt|private).*",
    re.IGNORECASE,
)
_IDEMPOTENCY = regex(r".*idempot.*", re.IGNORECASE)
_BEYOND = regex(r"[^\t -~]")
LINE_BREAK = "cannot contain a line break"
CONTROL = "cannot contain a control character"
BEYOND_ASCII = "holds ASCII characters only"
SPACE = "neither begins nor ends with a space"


def header_problem(name: str) -> str | None:
    """Why a manifest may not set this header, in words that follow its name."""
    if not _TOKEN.fullmatch(name) or len(name) > LONGEST:
        return "is not a header name: letters, digits and - only"
    if _OF_THE_CLIENT.fullmatch(name):
        return "is set by the runtime and cannot be set by a manifest"
    return None


def idempotency_problem(name: str) -> str | None:
    """Why a caller's `Idempotency-Key` may not be sent in this header, in words that follow its name."""
    problem = header_problem(name)
    if problem is not None:
        return problem
    if _MEANT_OTHERWISE.fullmatch(name):
        return "has a meaning of its own, and a caller would write it"
    if _OF_A_CREDENTIAL.fullmatch(name) and not _IDEMPOTENCY.fullmatch(name):
        return "is a header that carries a credential, and a caller would write it"
    return None


def value_problem(text: str) -> tuple[int, str] | None:
    """Where and why a text cannot be a header's value, in words (one of the four above) that follow `a header`."""
    if text.isascii() and text.isprintable() and text[:1] != " " and text[-1:] != " ":
        return None  # all but tabs inside of it
    found = _BEYOND.search(text)
    if found is not None:
        return found.start(), _reason(found[0])
    if text != text.strip(" \t"):
        return 0 if text[0] in " \t" else len(text.rstrip(" \t")), SPACE
    return None


def _reason(character: str) -> str:
    if character in "\r\n\u2028\u2029":
        return LINE_BREAK
    return CONTROL if unicodedata.category(character) == "Cc" else BEYOND_ASCII
