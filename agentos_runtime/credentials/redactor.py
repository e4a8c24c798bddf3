"""Takes the secrets of a call out of everything that comes back, in every form an upstream may echo them."""

import base64
import json
import re
from collections.abc import Iterable, Iterator
from functools import cached_property
from urllib.parse import quote, quote_plus

from agentos_runtime.credentials.secret import Credential, Secret
from agentos_runtime.jsontext import Json, dump

REDACTED = "[redacted]"
SHORTEST = 8
"""Shorter secrets are left: taking every `admin` or `1234` out would destroy honest replies, and show by the
holes what the secret is. As a part of `username:password` they are taken out."""


class Redactor:
    """Replaces secrets by `[redacted]`: as they are, url-encoded, in base64 and base64url, JSON-escaped.

    Base64 is found at each of its three alignments, so also inside a longer encoded text (`user:password`, a whole
    header). The last one or two characters of such an encoding, which mix in what follows, may stay.
    """

    def __init__(self, secrets: Iterable[Secret]) -> None:
        forms = {form for secret in secrets for form in _forms(secret.reveal())}
        self._forms = tuple(sorted(forms, key=lambda form: (-len(form), form)))

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        """Made when first needed: most replies hold no secret."""
        return re.compile("|".join(map(re.escape, self._forms)) or r"(?!)")

    @cached_property
    def _needles(self) -> tuple[bytes, ...]:
        """The forms as they stand inside JSON text."""
        return tuple(_dumped(form) for form in self._forms)

    @classmethod
    def of(cls, credential: Credential | None, parts: Iterable[Secret] = ()) -> "Redactor":
        """Over every field of a credential and `parts` of them, and `username:password` as basic auth sends it."""
        if credential is None:
            return cls(())
        fields = credential.fields
        secrets = [*fields.values(), *parts]
        if {"username", "password"} <= fields.keys():
            secrets.append(Secret(f"{fields['username'].reveal()}:{fields['password'].reveal()}"))
        return cls(secrets)

    def __repr__(self) -> str:
        return f"Redactor({len(self._forms)} forms)"

    def found_in(self, text: bytes) -> bool:
        """Whether a secret stands in JSON text as `jsontext.dump` or jq write it."""
        for needle in self._needles:  # noqa: SIM110 - a generator costs more than the loop
            if needle in text:
                return True
        return False

    def clean(self, value: Json) -> Json:
        """The value without secrets, in keys too; the very same value when none is in it."""
        return self._walk(value) if self._forms and self.found_in(dump(value)) else value

    def clean_text(self, text: str) -> str:
        return self._pattern.sub(REDACTED, text) if any(form in text for form in self._forms) else text

    def clean_bytes(self, data: bytes) -> bytes:
        """For replies that are handed on as bytes; what is not UTF-8 in them stays as it is."""
        if not any(form.encode("utf-8", "surrogatepass") in data for form in self._forms):
            return data
        text = data.decode("utf-8", "surrogateescape")
        return self._pattern.sub(REDACTED, text).encode("utf-8", "surrogateescape")

    def stream(self) -> "StreamRedactor":
        """A new one for each text that arrives in pieces."""
        return StreamRedactor(self._forms, self._pattern)

    def _walk(self, value: Json) -> Json:
        if isinstance(value, str):
            return self.clean_text(value)
        if isinstance(value, list):
            return [self._walk(item) for item in value]
        if isinstance(value, dict):
            return {self.clean_text(name): self._walk(item) for name, item in value.items()}
        return value


class StreamRedactor:
    """Cleans one text that arrives in pieces: an end that may be the beginning of a secret is held back.

    Whatever the pieces, what `feed` and `flush` give adds up to `clean_text` of the whole.
    """

    __slots__ = ("_first", "_forms", "_held", "_longest", "_pattern")

    def __init__(self, forms: tuple[str, ...], pattern: re.Pattern[str]) -> None:
        self._forms = forms
        self._pattern = pattern
        self._first = frozenset(form[0] for form in forms)
        self._longest = max(map(len, forms), default=0)
        self._held = ""

    def feed(self, text: str) -> str:
        """What can be passed on now."""
        text = self._held + text
        given: list[str] = []
        at = 0
        for hold in self._holds(text):
            at = self._clean_up_to(hold, text, at, given)
            if at <= hold:
                self._held = text[hold:]
                given.append(text[at:hold])
                return "".join(given)
        self._held = ""
        given.append(self._pattern.sub(REDACTED, text[at:]))
        return "".join(given)

    def flush(self) -> str:
        """What was held back, at the end of the text."""
        text, self._held = self._held, ""
        return self._pattern.sub(REDACTED, text)

    def _holds(self, text: str) -> Iterator[int]:
        """Where an end of the text begins that a longer form also begins with."""
        for at in range(max(0, len(text) - self._longest + 1), len(text)):
            if text[at] in self._first and any(
                len(form) > len(text) - at and form.startswith(text[at:]) for form in self._forms
            ):
                yield at

    def _clean_up_to(self, hold: int, text: str, at: int, given: list[str]) -> int:
        """Replace the matches that begin before `hold`; where the rest begins."""
        while at < hold and (match := self._pattern.search(text, at)) and match.start() < hold:
            given += (text[at : match.start()], REDACTED)
            at = match.end()
        return at


def _forms(text: str) -> Iterator[str]:
    if len(text) < SHORTEST:
        return
    raw = text.encode("utf-8", "surrogatepass")
    yield text
    if not _PLAIN.fullmatch(text):
        yield from _escaped_forms(text, raw)
    for before in range(3):
        encoded = base64.b64encode(bytes(before) + raw).decode("ascii")
        whole = encoded[-(-before * 8 // 6) : (before + len(raw)) * 8 // 6]
        yield whole
        yield whole.translate(_URL_SAFE)


def _escaped_forms(text: str, raw: bytes) -> Iterator[str]:
    for form in (quote(raw), quote(raw, safe=""), quote_plus(raw)):
        yield form
        yield re.sub("%[0-9A-F]{2}", lambda match: match[0].lower(), form)
    for escaped in (json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]):
        yield escaped
        yield escaped.replace("/", "\\/")


def _dumped(form: str) -> bytes:
    return form.encode("ascii") if _PLAIN.fullmatch(form) else dump(form)[1:-1]


_PLAIN = re.compile("[A-Za-z0-9_.-]*")
"""The same in urls and in JSON."""
_URL_SAFE = str.maketrans("+/", "-_")
