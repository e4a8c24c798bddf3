"""What a token address answers: the token, how long it is good, what renews it; or the service's own words."""

import math
import re
from urllib.parse import parse_qsl

from agentos_runtime import jsontext
from agentos_runtime.calls.failure_words import page_words, words_in
from agentos_runtime.calls.failures import http_failure
from agentos_runtime.calls.formats.charsets import in_utf8
from agentos_runtime.calls.messages import UpstreamResponse
from agentos_runtime.frozen import dataclass
from agentos_runtime.jsontext import Json, JsonTextError
from agentos_runtime.regexes import regex
from agentos_runtime.security.credentials.redactor import Redactor
from agentos_runtime.security.credentials.secret import Secret

LARGEST_ANSWER = 1024 * 1024
LONGEST_REASON = 300
LONGEST_LIFE = 10 * 365 * 86400.0
"""Seconds; a longer time is read as this."""
_NOTHING_SECRET = Redactor(())
_FORM = regex(rb"[\w.~%+*-]+=[!-~]*\s*", re.ASCII)
_NO_WORD = regex(r"[^\s]{25}|(?=[^\s]{12})[^\s]*[0-9]|[{}=\"]")
"""What may be a token: a long word, or one of some length with a digit."""
_SECONDS = regex(r"[0-9]{1,12}(\.[0-9]{1,9})?", re.ASCII)


class TokenAnswerError(ValueError):
    """An answer that gives no token; the message says why, and quotes nothing of it but words, without secrets."""


@dataclass(frozen=True, slots=True)
class Granted:
    """What the service gave."""

    key: Secret
    expires_in: float | None
    """Seconds, when it says so: more than 0."""
    scope: str | None
    refresh_token: Secret | None = None
    """What renews it, when the service gave one."""


def granted_of(response: UpstreamResponse, token_field: str, redactor: Redactor) -> Granted:
    """The token of a 2xx answer, as `read_granted`."""
    return read_granted(response.body, token_field, redactor, content_type=content_type_of(response))


def read_granted(
    body: bytes, token_field: str, redactor: Redactor = _NOTHING_SECRET, *, content_type: str = ""
) -> Granted:
    """The token of a 2xx answer. redactor: over what was sent, which words may repeat. Raises TokenAnswerError."""
    if len(body) > LARGEST_ANSWER:
        raise TokenAnswerError("is too large")
    answer = object_of(body, content_type)
    key, scope = _secret(answer, token_field), answer.get("scope")
    if key is None:
        raise TokenAnswerError(f"holds no `{token_field}`{_words_instead(answer, body, redactor)}")
    return Granted(
        key,
        read_seconds(answer.get("expires_in")),
        scope if isinstance(scope, str) and scope else None,
        _secret(answer, "refresh_token"),
    )


def is_refused(response: UpstreamResponse, token_field: str) -> bool:
    """Whether the service said no: by its status, or as GitHub and Slack do by an `error` without a token."""
    if not 200 <= response.status < 300:
        return True
    answer = object_of(response.body, content_type_of(response))
    return bool(answer.get("error")) and _secret(answer, token_field) is None


def read_seconds(value: Json) -> float | None:
    """`expires_in`, a number or a text of one; None when it says nothing of an end."""
    if isinstance(value, str):
        text = value.strip()
        value = float(text) if _SECONDS.fullmatch(text) else None
    if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0 or math.isnan(value):
        return None
    return float(min(value, LONGEST_LIFE))


def content_type_of(response: UpstreamResponse) -> str:
    """How its text is said to be written."""
    return response.headers.get("content-type", "")


def error_code(response: UpstreamResponse) -> str:
    """OAuth's `error`, such as `invalid_grant`, also where a service puts it into its own form; else empty."""
    answer = object_of(response.body, content_type_of(response))
    error, listed = answer.get("error"), answer.get("errors")
    if isinstance(listed, list) and listed:  # Fitbit's
        error = error or listed[0]
    places = [error, answer.get("errorCode"), answer.get("error_code")]
    if isinstance(error, dict):
        places = [error.get("code"), error.get("type"), error.get("errorType")]
    return next((code for code in places if isinstance(code, str) and code), "")


def reason_of(response: UpstreamResponse, now: float, redactor: Redactor) -> str:
    """The service's words, without secrets and then cut: OAuth's `error` and `error_description`, or whatever form
    its errors have.
    """
    answer = object_of(response.body, content_type_of(response))
    said = [
        value for name in ("error", "error_description") if isinstance(value := answer.get(name), str) and value
    ]
    if said:
        words = redactor.clean_text(": ".join(said))
    else:
        message = http_failure(response.status, response.headers, response.body, now).message
        words = redactor.clean_sentence(message) if message else "it gave no reason"
    return " ".join(words[:LONGEST_REASON].split()).rstrip(".")


def object_of(body: bytes, content_type: str = "") -> dict[str, Json]:
    """The object in a body, or the fields of a form, in which some answer; empty when it is neither."""
    if (value := _json(body)) is None and (text := in_utf8(body, content_type)) is not None:
        value = _json(text)  # with a byte order mark, or in another charset
    if value is None and _FORM.fullmatch(body):
        return {**dict(parse_qsl(body.decode().strip()))}
    return value if isinstance(value, dict) else {}


def _json(body: bytes) -> Json:
    """What a body holds; None for what is no JSON, and for null."""
    try:
        return jsontext.parse(body)
    except JsonTextError:
        return None


def _words_instead(answer: dict[str, Json], body: bytes, redactor: Redactor) -> str:
    """What the answer says in the place of a token, as services do that answer 200 to all; empty for nothing.

    The token may stand there all the same, under another name, or in a text that is JSON itself: only short words
    are quoted, and of no field that is made for data.
    """
    said: Json = {name: value for name, value in answer.items() if name not in ("body", "raw")}
    words = redactor.clean_sentence(words_in(said) or page_words(body) or "")[:LONGEST_REASON]
    return f". It says: {words}" if words and not _NO_WORD.search(words) else ""


def sendable_granted(granted: Granted) -> Granted:
    """The same, if it can be sent. Raises TokenAnswerError."""
    for secret in (granted.key, granted.refresh_token):
        if secret is not None and not secret.reveal().isprintable():
            raise TokenAnswerError("holds a token with a character that cannot be sent")
    return granted


def _secret(answer: dict[str, Json], name: str) -> Secret | None:
    value = answer.get(name)
    return Secret(value) if isinstance(value, str) and value else None
