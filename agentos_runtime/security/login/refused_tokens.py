"""Whether an answer says that the token which it was asked with is good no more: most services say 401, not all."""

import re
from collections.abc import Mapping

from agentos_runtime.calls.failures import body_failure, worded_failure
from agentos_runtime.calls.formats.charsets import in_utf8
from agentos_runtime.calls.messages import UpstreamResponse
from agentos_runtime.jsontext import Json, JsonTextError, parse
from agentos_runtime.regexes import regex

FORBIDDEN = 403
_REFUSED = frozenset({401, 498})
"""The second is ArcGIS's."""
LONGEST = 64 * 1024
"""Bytes of an answer that is about a token."""
_CODES = frozenset(
    (
        *("unauthenticated", "invalidtoken", "invalidaccesstoken", "invalidsessionid"),
        *("tokenexpired", "expiredtoken", "accesstokenexpired", "expiredaccesstoken"),
    )
)
"""What services call it, letters alone, as Apollo (GraphQL), Slack, Salesforce and Dropbox do."""
_NO_LETTER = regex(r"[^a-z]")
_EXPIRED = regex(
    rb"\btoken\b[^.{}]{0,60}\bexpired\b|\bexpired\b[^.{}]{0,30}\btoken\b|\b[a-z_]*token_expired\b", re.I
)
_INVALID = regex(r"\binvalid_token\b", re.IGNORECASE)
"""RFC 6750, 3.1; Facebook says it with a 400."""


def head_refuses_token(status: int, headers: Mapping[str, str]) -> bool:
    """Whether status and headers say it."""
    if status in _REFUSED:
        return True
    return 400 <= status < 500 and _INVALID.search(headers.get("www-authenticate", "")) is not None


def refuses_token(response: UpstreamResponse) -> bool:
    """Whether the answer says it: by its head, as a 403 about an expired token, or as an error in a 200."""
    status, body = response.status, response.body
    if head_refuses_token(status, response.headers):
        return True
    if len(body) > LONGEST:
        return False
    if status == FORBIDDEN:
        text = in_utf8(body, response.headers.get("content-type", "")) or body
        return _EXPIRED.search(text) is not None
    return 200 <= status < 300 and b'"error' in body and _says_so(body)


def _says_so(body: bytes) -> bool:
    """Whether a body holds an error that says it, where errors usually stand."""
    try:
        document: Json = parse(body)
    except JsonTextError:
        return False
    failure = body_failure(document, 0.0)
    if failure is not None and (failure.status in _REFUSED or _names(failure.code)):
        return True
    worded = worded_failure(document, 0.0)
    return worded is not None and (_names(worded.message) or _names(worded.code))


def _names(code: Json) -> bool:
    return isinstance(code, str) and _NO_LETTER.sub("", code.lower()) in _CODES
