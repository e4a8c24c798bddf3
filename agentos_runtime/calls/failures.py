"""What an upstream says when it fails, whatever shape it says it in, as one typed error.

The status decides the error's class (the table of the HTTP contract); the words come from the body. An error inside
a 200 is treated by the status it carries. A provider's own words replace a gateway's "Provider returned error".
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from urllib.parse import urlsplit, urlunsplit

from agentos_runtime import errors
from agentos_runtime.calls.failure_words import (
    bounded,
    clip,
    named_code,
    opened,
    own_words,
    plain_words,
    told_beside,
    words_in,
)
from agentos_runtime.calls.retry_after import retry_after, seconds_of
from agentos_runtime.errors import UpstreamError, UpstreamFailure
from agentos_runtime.frozen import dataclass
from agentos_runtime.jsontext import Json, JsonTextError, dump, parse
from agentos_runtime.visible import visible

UNSAID_WAIT = 10.0
"""Seconds to suggest when an upstream limits the rate and does not say for how long."""
LONGEST_ADDRESS = 300
"""Characters of a redirect's address that are shown."""
MOST_MESSAGES = 5
"""Errors of one GraphQL answer that are told."""

_TOLD_APART = frozenset({"raw", "provider_name", "headers", "retry_after", "retry_after_seconds"})
"""Metadata of an error that has a place of its own; all else (why a balance or a moderation refused) is details."""
_FIELDS = frozenset({"message", "code", "status", "metadata", "raw", "provider", "details", *_TOLD_APART})
"""What of an error is told under a name of its own; all else is details."""

_BY_STATUS: Mapping[int, type[errors.AgentOSError]] = {
    401: errors.CredentialRejected,
    402: errors.UpstreamPaymentRequired,
    403: errors.UpstreamForbidden,
    404: errors.UpstreamNotFound,
    408: errors.UpstreamTimeout,
    409: errors.UpstreamConflict,
    429: errors.UpstreamRateLimited,
    503: errors.UpstreamUnavailable,
    529: errors.UpstreamUnavailable,
}

_BY_WORD: Mapping[str, int] = {
    **dict.fromkeys(("rate_limit_exceeded", "rate_limit_error", "too_many_requests", "insufficient_quota"), 429),
    **dict.fromkeys(("authentication_error", "invalid_api_key"), 401),
    **dict.fromkeys(("billing_error", "insufficient_credits"), 402),
    **dict.fromkeys(("context_length_exceeded", "invalid_request_error"), 400),
    **dict.fromkeys(("not_found_error", "model_not_found"), 404),
    "permission_error": 403,
}


@dataclass(frozen=True, slots=True)
class Service:
    """Whose failure it is, for the sentence: the skill's name and where its keys are made."""

    name: str
    skill: str
    credential: str | None = None
    help_url: str | None = None
    label: str | None = None
    """What people call the credential."""
    variables: tuple[str, ...] = ()
    """The environment variables that would hold it."""
    command: str = "keys set"
    """What of `agentos` gets it."""

    @property
    def has_several(self) -> bool:
        """Whether the call carried a credential beside the usual one, so that the two can be mistaken."""
        return self.credential not in (None, "default")

    @property
    def key(self) -> str:
        """The credential as a sentence names it."""
        return f'the {self.label or "credential"} "{self.credential}"' if self.has_several else "the credential"


def failure_error(service: Service, failure: UpstreamFailure, meant: int | None = None) -> errors.AgentOSError:
    """The typed error for a failure; `failure.status` is the HTTP status or the one the body carried.

    `meant` is the status that it is treated by when that is another one.
    """
    kind = _error_class(failure.status if meant is None else meant)
    reason = failure.message or "it gave no reason"
    status = f" ({failure.status})" if failure.status else ""
    provider = f" [{failure.provider}]" if failure.provider else ""
    hint = failure.details.get("remedy_hint") if isinstance(failure.details, dict) else None
    hinted = f" {words}." if isinstance(hint, str) and (words := clip(hint)) and words not in reason else ""
    if kind is errors.CredentialRejected:
        what = f"rejected {service.key}" if service.credential else "wants to know who calls"
        check = f" Check it, then: {_remedy(service)}" if service.credential else ""
        sentence = f"{service.name} {what}{status}: {reason}.{hinted}{check}"
        return kind(sentence, upstream=failure, help_url=service.help_url)
    wait = f" Retry in {math.ceil(failure.retry_after)} s." if failure.retry_after else ""
    unsaid = UNSAID_WAIT if kind is errors.UpstreamRateLimited and failure.retry_after is None else None
    sentence = f"{service.name} {_VERBS.get(kind, 'failed')}{status}: {reason}{provider}.{hinted}{wait}"
    if kind is errors.UpstreamForbidden and service.has_several:
        sentence += f" The call carried {service.key}. If that is another key, run: {_remedy(service)}"
        return kind(sentence, upstream=failure, help_url=service.help_url)
    return kind(sentence, upstream=failure, retry_after=unsaid)


def keys_command(service: Service) -> str:
    """The command that gets the credential this service wants."""
    named = f" --credential {service.credential}" if service.credential not in (None, "default") else ""
    return f"agentos {service.command} {service.skill}{named}"


def _remedy(service: Service) -> str:
    """How to set the credential, also where the environment holds it."""
    made = f"; it is made at {service.help_url}" if service.has_several and service.help_url else ""
    held = f" (or set {' and '.join(service.variables)})" if service.has_several and service.variables else ""
    return f"{keys_command(service)}{held}{made}"


_VERBS: Mapping[type[errors.AgentOSError], str] = {
    errors.UpstreamPaymentRequired: "wants payment",
    errors.UpstreamForbidden: "forbids this",
    errors.UpstreamNotFound: "found nothing",
    errors.UpstreamTimeout: "took too long",
    errors.UpstreamConflict: "reports a conflict",
    errors.UpstreamRateLimited: "limits the rate",
    errors.UpstreamUnavailable: "is unavailable",
    errors.UpstreamRejected: "rejected the request",
}


def http_failure(status: int, headers: Mapping[str, str], body: bytes, now: float) -> UpstreamFailure:
    """The failure of a response that is no 2xx. `now` is epoch seconds, for dates in Retry-After."""
    wait = retry_after(headers, now)
    if 300 <= status < 400 and "location" in headers:
        return UpstreamFailure(status=status, message=_redirect_words(headers["location"]), retry_after=wait)
    try:
        document = parse(body)
    except JsonTextError:
        return UpstreamFailure(status=status, message=plain_words(body), retry_after=wait)
    failure = with_all_words(words_failure(document, now), document, status)
    return replace(failure, status=status, retry_after=wait if wait is not None else failure.retry_after)


def with_all_words(failure: UpstreamFailure, document: Json, status: int | None = None) -> UpstreamFailure:
    """The failure with what a document says beside its words, where no object within holds the error."""
    told = _first_of(document)
    if not isinstance(told, dict) or isinstance(told.get("error"), dict) or failure.details or failure.raw:
        return failure
    beside = told_beside(told, (failure.message, failure.code, status, str(status)))
    words = failure.message or (clip(dump(beside).decode()) if beside else None)
    return replace(failure, message=words, details=beside)


def _redirect_words(location: str) -> str:
    """Where to, without what may be secret in an address: its query, fragment and `user:password@`."""
    try:
        parts = urlsplit(location.strip())
        host = parts.netloc.rpartition("@")[2]
    except ValueError:
        return "it redirects to an address that cannot be read; redirects are not followed"
    shown = visible(urlunsplit((parts.scheme, host, parts.path, "", "")))
    where = f"{shown[:LONGEST_ADDRESS]}{'…' if len(shown) > LONGEST_ADDRESS else ''}{'?…' if parts.query else ''}"
    return (
        f"it redirects to {where or 'the same address'}; redirects are not followed: put the new address into url"
    )


def body_failure(document: Json, now: float) -> UpstreamFailure | None:
    """The error inside a body by the default predicate, or None.

    That is the first object with `message` or `code` among `.error` and `.choices[]?.error`, or a choice whose
    finish_reason is "error", or the `errors` of a GraphQL answer that has no `data`.
    """
    if not isinstance(document, dict):
        return None
    for error in _error_objects(document):
        failure = described_failure(error, now)
        provider = document.get("provider")
        if failure.provider is None and isinstance(provider, str):
            return replace(failure, provider=provider)
        return failure
    for choice in _choices(document):
        if _is_failed(choice):
            native = choice.get("native_finish_reason")
            reason = native if isinstance(native, str) and native else "no reason given"
            return UpstreamFailure(message=f"the generation ended with an error ({reason})", code=native)
    return _graphql_failure(document, now)


def _is_failed(choice: dict[str, Json]) -> bool:
    """Whether a choice ended in an error, as most write it and as Cohere does."""
    return choice.get("finish_reason") in ("error", "ERROR")


def holds_no_error(document: dict[str, Json]) -> bool:
    """Whether there is none where the default predicate and `worded_failure` look for one: quickly told."""
    if "error" in document or "errors" in document:
        return False
    choices = document.get("choices")
    for choice in choices if isinstance(choices, list) else ():
        if isinstance(choice, dict) and ("error" in choice or _is_failed(choice)):
            return False
    return True


def _graphql_failure(document: dict[str, Json], now: float) -> UpstreamFailure | None:
    """What a GraphQL answer without data says: `errors` is a list of objects with a message (GraphQL, 7.1.2).

    A `data` of nothing but nulls has none: each field that was asked for failed, or there is no such thing.
    """
    listed, data = document.get("errors"), document.get("data")
    if isinstance(data, dict) and all(value is None for value in data.values()):
        data = None
    if data is not None or not isinstance(listed, list) or not listed:
        return None
    said = [error for error in listed if isinstance(error, dict) and isinstance(error.get("message"), str)]
    if len(said) < len(listed):
        return None
    first = said[0]
    extensions = first.get("extensions")
    known = extensions if isinstance(extensions, dict) else {}
    failure = described_failure({**known, **first, "raw": None}, now)
    words = "; ".join(str(error["message"]) for error in said[:MOST_MESSAGES])
    more = f"; and {len(said) - MOST_MESSAGES} more" if len(said) > MOST_MESSAGES else ""
    return replace(failure, message=clip(words + more), raw=listed[:MOST_MESSAGES], details=None)


def worded_failure(document: Json, now: float) -> UpstreamFailure | None:
    """The error that is told as bare text, in `.error` or `.choices[]?.error`, or None.

    Only for answers that hold no reply beside it: an API may have a text of that name in its data.
    """
    if not isinstance(document, dict):
        return None
    candidates = [document.get("error"), *(choice.get("error") for choice in _choices(document))]
    said = next((text for text in candidates if isinstance(text, str) and text.strip()), None)
    if not said:
        return None
    failure = replace(described_failure(said, now), code=named_code(document))
    return failure if "choices" in document else with_all_words(failure, document)


def bare_failure(document: Json, now: float) -> UpstreamFailure | None:
    """The error that a document is, without anything around it: a message and a code, and no choice; or None."""
    if not isinstance(document, dict) or "choices" in document or document.get("code") is None:
        return None
    message = document.get("message")
    return described_failure(document, now) if isinstance(message, str) and message.strip() else None


def empty_failure(document: Json, now: float) -> UpstreamFailure:
    """Why an answer holds nothing to reply with, as far as it says so itself."""
    error = document.get("error") if isinstance(document, dict) else None
    failure = described_failure(error, now) if isinstance(error, dict) else UpstreamFailure()
    return failure if failure.message else replace(failure, message=words_in(document), code=named_code(document))


def words_failure(document: Json, now: float) -> UpstreamFailure:
    """The failure that a document is said to hold, by the default predicate or in whatever words it has."""
    told = _first_of(document)  # Google tells the errors of what would have been streamed as a list
    failure = body_failure(told, now) or bare_failure(told, now)
    if failure is not None:
        return failure
    return UpstreamFailure(message=words_in(document), code=named_code(document))


def described_failure(error: Json, now: float) -> UpstreamFailure:
    """What an error value says: a string, or an object with any of the fields that services use."""
    if not isinstance(error, dict):
        return UpstreamFailure(message=clip(error) if isinstance(error, str) and error.strip() else None)
    metadata = error.get("metadata")
    meta = metadata if isinstance(metadata, dict) else {}
    raw = error.get("raw", meta.get("raw"))
    beside: dict[str, Json] = {name: value for name, value in meta.items() if name not in _TOLD_APART}
    if raw is None:
        raw = beside or None
    provider = error.get("provider", meta.get("provider_name"))
    code = error.get("code", error.get("type"))
    return UpstreamFailure(
        status=_carried_status(error.get("status")) or _carried_status(code) or _worded_status(error),
        code=code,
        message=own_words(error.get("message"), raw),
        provider=provider if isinstance(provider, str) else None,
        raw=bounded(raw),
        retry_after=_described_wait(error, meta, raw, now),
        details=_details(error, beside) or None,
    )


def _details(error: dict[str, Json], beside: dict[str, Json]) -> dict[str, Json]:
    """What an error says under names that have no place of their own, its metadata's included."""
    given = error.get("details")
    told = "type" if error.get("code") is None else None
    own = {name: value for name, value in error.items() if name not in _FIELDS and name != told}
    listed = given if isinstance(given, dict) else {"details": given} if given else {}
    said = {**own, **listed, **beside}
    return {name: bounded(value) for name, value in said.items() if value is not None}


def said_status(error: Json) -> int | None:
    """The status that a manifest's `error` gives as `status`: it decides the code, whatever the answer's status."""
    return _carried_status(error.get("status")) if isinstance(error, dict) else None


def _error_class(status: int | None) -> type[errors.AgentOSError]:
    if status is None:
        return errors.UpstreamFailed
    default: type[UpstreamError] = errors.UpstreamRejected if 400 <= status < 500 else errors.UpstreamFailed
    return _BY_STATUS.get(status, default)


def _error_objects(document: dict[str, Json]) -> Iterator[dict[str, Json]]:
    candidates = [document.get("error"), *(choice.get("error") for choice in _choices(document))]
    for candidate in candidates:
        told = _innermost(candidate)
        if isinstance(told, dict) and (_said(told.get("message")) or _said(told.get("code"))):
            yield told


def _innermost(error: Json) -> Json:
    """An error that a gateway has put into its own, or the first of a list."""
    if isinstance(error, list):
        return error[0] if error else None
    if (
        isinstance(error, dict)
        and isinstance(inner := error.get("error"), dict)
        and not _said(error.get("message"))
    ):
        return inner
    return error


def _said(value: Json) -> bool:
    return value is not None and value != ""


def _choices(document: dict[str, Json]) -> list[dict[str, Json]]:
    """The choices that the reply is made of: only the first of several, in whatever order they come."""
    choices = document.get("choices")
    listed = [choice for choice in choices if isinstance(choice, dict)] if isinstance(choices, list) else []
    return [choice for choice in listed if choice.get("index") in (None, 0)]


def _carried_status(code: Json) -> int | None:
    if isinstance(code, str) and code.isascii() and code.isdigit() and len(code) == 3:
        code = int(code)
    if isinstance(code, float) and code.is_integer():
        code = int(code)
    return code if isinstance(code, int) and not isinstance(code, bool) and 400 <= code <= 599 else None


def _worded_status(error: dict[str, Json]) -> int | None:
    """The status that the words of OpenAI and Anthropic mean, which gateways hand on inside a 200."""
    words = [error.get("code"), error.get("type")]
    return next((_BY_WORD[word] for word in words if isinstance(word, str) and word in _BY_WORD), None)


def _described_wait(error: dict[str, Json], meta: dict[str, Json], raw: Json, now: float) -> float | None:
    availability = error.get("availability")
    headers = meta.get("headers")
    spots = [error, availability if isinstance(availability, dict) else {}, meta]
    for spot in spots:
        for name in ("retry_after", "retry_after_seconds"):
            value = spot.get(name)
            if isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0:
                return float(value)
    if isinstance(headers, dict):
        told = retry_after({name.lower(): str(text) for name, text in headers.items()}, now)
        if told is not None:
            return told
    return next((wait for told in (error, opened(raw)) if (wait := _google_wait(told)) is not None), None)


def _google_wait(told: Json) -> float | None:
    """The wait that Google tells among the details of an error (google.rpc.RetryInfo), also one within another."""
    told = _first_of(told)
    inner = _first_of(told.get("error")) if isinstance(told, dict) else None
    for error in (told, inner):
        details = error.get("details") if isinstance(error, dict) else None
        for detail in details if isinstance(details, list) else ():
            delay = detail.get("retryDelay") if isinstance(detail, dict) else None
            if isinstance(delay, str) and (seconds := seconds_of(delay)) is not None:
                return seconds
    return None


def _first_of(value: Json) -> Json:
    return value[0] if isinstance(value, list) and value else value
