"""The one way out of a call: whatever leaves it is made here, without the secrets that the call has used."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Literal, TypeVar

from agentos_runtime.calls.call import Call, Event, Passing, RawReply, Reply, Timings
from agentos_runtime.calls.formats.charsets import rewritten
from agentos_runtime.calls.metering import NUMBERS, Meter, read_meter
from agentos_runtime.errors import AgentOSError, ParamProblem, UpstreamFailure
from agentos_runtime.jsontext import Json, JsonTextError, dump, dump_each, parse
from agentos_runtime.runtime.tracing import Trace
from agentos_runtime.security.credentials.redactor import NO_SECRETS, Redactor, StreamRedactor
from agentos_runtime.security.credentials.wide import BytesRedactor

Number = TypeVar("Number", int, float)


class Results:
    """Makes what a call gives: replies, events, errors, stages of a trace, what the ledger is told.

    It knows every secret that a request of the call was given, also one that was replaced since: they only add up.
    """

    def __init__(self, call: Call) -> None:
        self._call = call
        self._redactor = NO_SECRETS

    def learn(self, redactor: Redactor) -> None:
        """Keep these secrets, too, from leaving."""
        if redactor is not self._redactor:
            self._redactor = self._redactor.and_those_of(redactor)

    def reply(self, value: Json, timings: Timings, *, more: bool = False, goes_on_at: str | None = None) -> Reply:
        """A reply of JSON."""
        text = dump(value)
        cleaned = self._redactor.clean(value, text)
        written = text if cleaned is value else dump(cleaned)
        if not more and goes_on_at is None:
            return Reply(cleaned, written, None, timings)
        place = None if goes_on_at is None else self._redactor.clean_text(goes_on_at)
        return Reply(cleaned, written, None, timings, more=more, goes_on_at=place)

    def raw(self, body: bytes, content_type: str, timings: Timings) -> Reply:
        """A reply of bytes that are handed on, a text among them in whatever charset it says that it is."""
        redactor = self._redactor
        if redactor.secrets:
            body = rewritten(redactor.clean_bytes(body), content_type, redactor.clean_text)
        raw = RawReply(body, redactor.clean_text(content_type))
        return Reply(None, b"null", raw, timings)

    def passing(self, content_type: str, passing: Passing, timings: Timings) -> Reply:
        """A reply of bytes that are yet to come, which `stream` has cleaned."""
        return Reply(None, b"null", RawReply(b"", self._redactor.clean_text(content_type), passing), timings)

    def event(self, name: Literal["delta", "done"], data: Json) -> Event:
        """An event of a stream."""
        text = dump(data)
        cleaned = self._redactor.clean(data, text)
        return Event(name, cleaned, text if cleaned is data else None)

    def deltas(self, news: Sequence[Json]) -> list[Event]:
        """Events of a stream that are passed on together."""
        if len(news) == 1:
            return [self.event("delta", news[0])]
        texts = dump_each(news)
        if self._redactor.may_change(b"\n".join(texts)):
            return [self.event("delta", delta) for delta in news]
        return [Event("delta", delta, text) for delta, text in zip(news, texts, strict=True)]

    def failure(self, error: AgentOSError, partial: Json) -> Event:
        """The event that ends a stream that failed, with what had arrived; names the call as plain errors do."""
        call = self._call
        names: dict[str, Json] = {"skill": call.skill, "utility": call.utility, "request_id": call.request_id}
        body = names | self.error(error).as_json() | {"partial": self.value(partial)}
        return Event("error", body | {"request_id": call.request_id})

    def error(self, error: AgentOSError) -> AgentOSError:
        """The same error, clean in each of its fields."""
        text = self._redactor.clean_sentence
        error.message = text(error.message)
        error.args = (error.message,)
        error.problems = tuple(ParamProblem(text(each.path), text(each.message)) for each in error.problems)
        error.help_url = self._text(error.help_url)
        error.retry_after = self._number(error.retry_after)
        error.details = {text(name): self.value(detail) for name, detail in error.details.items()}
        if error.upstream is not None:
            error.upstream = self._failure(error.upstream)
        return error

    def body(self, body: bytes) -> bytes:
        """A body that words are made of: they are cut and folded, and a secret in them would not be known again."""
        try:
            document = parse(body)
        except JsonTextError:
            return self._redactor.clean_bytes(body)
        cleaned = self._redactor.clean(document, body)
        return body if cleaned is document else dump(cleaned)

    def text(self, text: str) -> str:
        """Text without secrets, for what words are made of."""
        return self._redactor.clean_text(text)

    def value(self, value: Json) -> Json:
        """JSON without secrets, for what a result is made of."""
        return self._redactor.clean(value)

    def trace_stages(self, trace: Trace, stages: Iterable[tuple[str, Json]]) -> None:
        """Hand stages to a trace."""
        for name, given in stages:
            trace(name, self.value(given))

    def meter(self, documents: Iterable[Json]) -> Meter:
        """What the ledger gets to know: names and numbers."""
        meter = read_meter(*documents, clean=self._redactor.clean_text)
        if not self._redactor.hides_numbers:
            return meter
        hidden = {name: None for name in NUMBERS if self._number(getattr(meter, name)) != getattr(meter, name)}
        return replace(meter, **hidden) if hidden else meter

    def would_change(self, text: str) -> bool:
        """Whether there is a secret in the text."""
        return self.text(text) != text

    def stream(self) -> StreamRedactor:
        """For a text that arrives in pieces. It knows secrets that are learnt later, too."""
        return StreamRedactor(lambda: self._redactor)

    def bytes_stream(self, content_type: str) -> BytesRedactor:
        """For bytes that are handed on as they arrive, a text among them in whatever charset it says that it is."""
        return BytesRedactor(self.stream(), content_type)

    def _failure(self, failure: UpstreamFailure) -> UpstreamFailure:
        return replace(
            failure,
            code=self.value(failure.code),
            message=self._text(failure.message),
            provider=self._text(failure.provider),
            raw=self.value(failure.raw),
            retry_after=self._number(failure.retry_after),
            details=self.value(failure.details),
        )

    def _text(self, text: str | None) -> str | None:
        return text if text is None else self._redactor.clean_text(text)

    def _number(self, number: Number | None) -> Number | None:
        """None for a number whose digits are a secret."""
        return number if number is None or self.value(number) == number else None
