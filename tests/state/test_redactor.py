"""A secret that was used in a call comes back in no form, whole or in pieces."""

import base64
import copy
import itertools
import json
import pickle
import re
import traceback
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from agentos_runtime.credentials.redactor import REDACTED, Redactor
from agentos_runtime.credentials.secret import Credential, Secret
from agentos_runtime.jsontext import Json
from tests.state.skills import CANARY

SECRETS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=8, max_size=24)
PIECES = st.lists(st.text("sk-or1/+=ab c", max_size=6), max_size=12)


def redactor(*secrets: str) -> Redactor:
    return Redactor(map(Secret, secrets))


FORMS: dict[str, Callable[[str], str]] = {
    "raw": lambda s: s,
    "url": lambda s: quote(s, safe=""),
    "url, slashes kept": quote,
    "url, plus for space": quote_plus,
    "url, lower-case": lambda s: re.sub("%..", lambda code: code[0].lower(), quote(s, safe="")),
    "json": lambda s: json.dumps(s)[1:-1],
    "json, slashes escaped": lambda s: json.dumps(s)[1:-1].replace("/", "\\/"),
    "base64": lambda s: base64.b64encode(s.encode()).decode(),
    "base64url": lambda s: base64.urlsafe_b64encode(s.encode()).decode(),
    "header in base64": lambda s: base64.b64encode(f"Bearer {s}".encode()).decode(),
    "basic": lambda s: base64.b64encode(f"me:{s}".encode()).decode(),
    "basic, other alignment": lambda s: base64.b64encode(f"you:{s}!".encode()).decode(),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("secret", [CANARY, 'quo"te\\d/secret', "pässwörd-lang", "with space & more"])
def test_a_secret_is_taken_out_in_every_form(form: str, secret: str) -> None:
    echoed = FORMS[form](secret)
    cleaned = redactor(secret).clean({"error": {"message": f"bad key {echoed} given"}, echoed: [echoed]})

    text = json.dumps(cleaned, ensure_ascii=False)
    assert REDACTED in text
    assert echoed not in text
    assert echoed[4:-4] not in text
    assert "bad key " in text
    assert " given" in text


@given(SECRETS, st.text(max_size=5), st.text(max_size=5))
@settings(deadline=None, max_examples=60)
def test_base64_is_found_at_any_alignment(secret: str, before: str, after: str) -> None:
    whole = (before + secret + after).encode()
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        cleaned = redactor(secret).clean_text(encode(whole).decode())
        assert REDACTED in cleaned
        left = cleaned.replace(REDACTED, "")
        assert len(left) <= 2 + (len(before.encode()) * 8 + 5) // 6 + 4 + (len(after.encode()) * 8 + 5) // 6 + 4


def test_what_holds_no_secret_is_handed_back_itself() -> None:
    value: Json = {"content": "hello", "usage": {"cost": 0.1}}
    assert redactor(CANARY).clean(value) is value


def test_bytes_that_are_no_text_keep_all_but_the_secret() -> None:
    image = b"\x89PNG\xff\xfe" + CANARY.encode() + b"\x00\xc3"
    assert redactor(CANARY).clean_bytes(image) == b"\x89PNG\xff\xfe" + REDACTED.encode() + b"\x00\xc3"
    assert redactor("something else").clean_bytes(image) is image


def test_a_short_secret_is_left_but_not_inside_basic_authentication() -> None:
    credential = Credential({"username": Secret("someone"), "password": Secret("1234")}, "credentials.json")
    cleaner = Redactor.of(credential)
    assert cleaner.clean_text("1234 messages of someone") == "1234 messages of someone"
    assert cleaner.clean_text("someone:1234") == REDACTED
    assert cleaner.clean_text("Basic " + base64.b64encode(b"someone:1234").decode()) == f"Basic {REDACTED}"


def test_of_two_secrets_of_which_one_begins_the_other_the_longer_goes_whole() -> None:
    assert redactor("password", "password-of-production").clean_text("password-of-production") == REDACTED


def test_without_a_credential_nothing_is_touched() -> None:
    cleaner = Redactor.of(None)
    assert cleaner.clean({"a": "b"}) == {"a": "b"}
    stream = cleaner.stream()
    assert stream.feed("text") + stream.flush() == "text"


@given(PIECES, st.lists(st.sampled_from(["sk-or-1/ab", "sk-or-1/abc+=", "or-1/ab sk"]), min_size=1, unique=True))
@example(["sk-or-1/a", "b", "c+", "=sk-", "or-1/ab"], ["sk-or-1/ab", "sk-or-1/abc+="])
@settings(deadline=None, max_examples=300)
def test_pieces_add_up_to_what_cleaning_the_whole_gives(pieces: list[str], secrets: list[str]) -> None:
    pieces = [part for piece in pieces for part in (piece, secrets[len(piece) % len(secrets)][: len(piece) * 3])]
    cleaner = redactor(*secrets)
    stream = cleaner.stream()
    given = "".join([stream.feed(piece) for piece in pieces]) + stream.flush()
    assert given == cleaner.clean_text("".join(pieces))


@given(st.data())
@settings(deadline=None, max_examples=100)
def test_a_stream_never_shows_the_secret_however_it_is_cut(data: st.DataObject) -> None:
    text = f"before {CANARY} between {quote(CANARY, safe='')} after"
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=20)))
    stream = redactor(CANARY).stream()
    edges = [0, *cuts, len(text)]
    shown = "".join(stream.feed(text[a:b]) for a, b in itertools.pairwise(edges)) + stream.flush()
    assert shown == f"before {REDACTED} between {REDACTED} after"


def test_a_stream_holds_back_only_what_may_become_a_secret() -> None:
    stream = redactor(CANARY).stream()
    assert stream.feed("All is well. ") == "All is well. "
    assert stream.feed("sk-or") == ""
    assert stream.feed("ted") == "sk-orted"
    assert stream.feed("a sk") == "a "
    assert stream.flush() == "sk"


def test_a_secret_does_not_show_itself() -> None:
    secret = Secret(CANARY)
    credential = Credential({"key": secret}, "environment OPENROUTER_API_KEY")
    shown = [
        repr(secret),
        str(secret),
        f"{secret}",
        f"{secret:>40}",
        f"{secret!r}",
        f"{secret:s}",
        repr(credential),
    ]
    shown += [str({"key": secret}), repr(Redactor.of(credential)), repr(Redactor.of(credential).stream())]
    try:
        raise ValueError(secret)
    except ValueError as error:
        shown += ["".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())]
    assert not [text for text in shown if CANARY in text]
    assert secret.reveal() == CANARY


def test_a_secret_is_not_written_anywhere() -> None:
    secret = Secret(CANARY)
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(TypeError, match="no pickle"):
            pickle.dumps(secret, protocol)
    for duplicate in (copy.copy, copy.deepcopy):
        with pytest.raises(TypeError):
            duplicate(secret)
    with pytest.raises(TypeError) as refused:
        json.dumps({"key": secret})
    assert CANARY not in str(refused.value)


def test_secrets_are_compared_by_what_they_hold() -> None:
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert len({Secret("a"), Secret("a")}) == 1
