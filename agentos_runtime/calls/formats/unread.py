"""An answer becomes JSON, or the error that says what it is and what to set to read it."""

from dataclasses import replace

from agentos_runtime.calls.failure_words import page_words
from agentos_runtime.calls.failures import Service
from agentos_runtime.calls.formats.as_it_comes import ANY
from agentos_runtime.calls.formats.charsets import FormatError, in_utf8
from agentos_runtime.calls.formats.kinds import (
    EVENTS,
    JSON,
    NDJSON,
    PAGE,
    TEXT,
    Kind,
    essence,
    seen_kind,
    told_kind,
)
from agentos_runtime.calls.formats.reading import OtherKind, read_format
from agentos_runtime.calls.messages import UpstreamResponse
from agentos_runtime.errors import UpstreamFailure, UpstreamInvalid
from agentos_runtime.jsontext import is_json
from agentos_runtime.manifest.model import Utility
from agentos_runtime.visible import visible

_AS_A_TEXT = "set `response: {as: text, transform: fromjson}`, and go on behind `fromjson | `"
_LONGEST_TYPE = 80
_BEGINNING = 200
"""Bytes in which an answer that consists of events shows it."""


def json_response(service: Service, utility: Utility, response: UpstreamResponse) -> UpstreamResponse:
    """The same answer with its body as JSON, read as the manifest says. Raises UpstreamInvalid.

    An empty body stays as it is: what it means is another rule.
    """
    form = utility.rest.response.format
    if form.kind in ("json", ANY) or not response.body.strip():
        return response
    try:
        return replace(response, body=read_format(form, _content_type(response), response.body))
    except OtherKind as other:
        raise _other(service, utility, response, other.kind) from None
    except FormatError as error:
        raise unreadable(service, utility, response, str(error)) from None


def json_in_utf8(response: UpstreamResponse) -> UpstreamResponse:
    """The answer with its JSON in UTF-8, without a mark; the very same when it is no JSON in another charset."""
    if is_json(response.body):
        return response  # in UTF-8, whatever it says
    text = in_utf8(response.body, _content_type(response))
    return response if text is None or not is_json(text) else replace(response, body=text)


def json_of_event(response: UpstreamResponse) -> UpstreamResponse:
    """A failure that is told as an event: what its last one says, as the body. The very same where none is JSON."""
    if b"data:" not in response.body or is_json(response.body):
        return response
    told = [line[5:].strip() for line in response.body.splitlines() if line.startswith(b"data:")]
    said = next((data for data in reversed(told) if data.startswith(b"{") and is_json(data)), None)
    return response if said is None else replace(response, body=said)


def unreadable(service: Service, utility: Utility, response: UpstreamResponse, reason: str) -> UpstreamInvalid:
    """The error of a body that is not what the manifest says; `reason` is what the reader of that found."""
    page = page_words(response.body)
    kind = seen_kind(response.body) or told_kind(_content_type(response), response.body)
    if kind in (None, JSON, TEXT) and response.body[:_BEGINNING].lstrip().startswith((b"data:", b"event:")):
        kind = EVENTS
    if page is None and kind is not None and kind not in (PAGE, JSON) and _form(utility) in (JSON.name, ANY):
        return _other(service, utility, response, kind)
    why = page or reason
    if (
        page is None
        and kind in (JSON, NDJSON)
        and _form(utility) in (JSON.name, ANY)
        and _holds_lines(response.body)
    ):
        why += f"; each line is JSON: if that is what it gives, {_remedy(utility, NDJSON)}"
    text = in_utf8(response.body, _content_type(response)) if _form(utility) == JSON.name else None
    if text is not None and is_json(text) and not is_json(response.body):
        why += f"; as a text it is JSON: {_AS_A_TEXT} (`{utility.place.key}.rest`, {utility.place.position})"
    return UpstreamInvalid(
        f"{service.name} answered {response.status} with something that is not {_expected(utility)}: {why}",
        upstream=UpstreamFailure(status=response.status, message=why),
    )


def _other(service: Service, utility: Utility, response: UpstreamResponse, kind: Kind) -> UpstreamInvalid:
    what = (page_words(response.body) if kind is PAGE else None) or _named(response, kind)
    if kind is TEXT and _form(utility) == "csv":
        what += f": {visible(response.body[:_BEGINNING].decode('utf-8', 'replace').strip())}"
    remedy = _remedy(utility, kind)
    if kind is EVENTS and utility.rest.stream is not None:
        remedy = "ask with `stream: true`, which reads them"
    return UpstreamInvalid(
        f"{service.name} answered {response.status} with {what}, not {_expected(utility)}. If that is what it "
        f"gives, {remedy}",
        upstream=UpstreamFailure(status=response.status, message=f"the answer is {what}"),
    )


def _remedy(utility: Utility, kind: Kind) -> str:
    return f"set {kind.remedy} under `{utility.place.key}.rest` ({utility.place.position})"


def _holds_lines(body: bytes) -> bool:
    """Whether the first two lines are a JSON text each."""
    lines = body.strip().split(b"\n", 2)
    return len(lines) > 1 and all(map(is_json, lines[:2]))


def _named(response: UpstreamResponse, kind: Kind) -> str:
    said = visible(essence(_content_type(response)))[:_LONGEST_TYPE]
    return f"{kind.word} ({said})" if said else kind.word


def _form(utility: Utility) -> str:
    return utility.rest.response.format.kind


def _expected(utility: Utility) -> str:
    form = _form(utility)
    return {"text": "text", "lines": "lines of text", ANY: "JSON"}.get(form, form.upper())


def _content_type(response: UpstreamResponse) -> str:
    return response.headers.get("content-type", "")
