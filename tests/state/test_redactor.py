"""A secret that was used in a call comes back in no form, whole or in pieces."""

import base64
import copy
import itertools
import json
import pickle
import time
import traceback
from collections.abc import Callable
from decimal import Decimal

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from agentos_runtime.calls.failure_words import plain_words
from agentos_runtime.calls.formats.charsets import WIDE_MARKS
from agentos_runtime.jsontext import Json
from agentos_runtime.security.credentials.redactor import REDACTED, Redactor
from agentos_runtime.security.credentials.secret import Credential, Secret
from agentos_runtime.security.credentials.wide import BytesRedactor
from tests.security.echoes import CLEAN, ENCODED, ENCODINGS, FORMS, SECRETS, encode
from tests.sizes import examples
from tests.state.skills import CANARY

PIECES = st.lists(st.text("sk-or1/+=ab c", max_size=6), max_size=12)


def redactor(*secrets: str) -> Redactor:
    return Redactor(map(Secret, secrets))


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


PRINTABLE = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=8, max_size=24)


@pytest.mark.slow
@given(PRINTABLE, st.text(max_size=5), st.text(max_size=5))
@settings(deadline=None, max_examples=examples(60))
def test_base64_is_found_at_any_alignment(secret: str, before: str, after: str) -> None:
    whole = (before + secret + after).encode()
    for encoder in (base64.b64encode, base64.urlsafe_b64encode):
        cleaned = redactor(secret).clean_text(encoder(whole).decode())
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
@settings(deadline=None, max_examples=examples(300))
def test_pieces_add_up_to_what_cleaning_the_whole_gives(pieces: list[str], secrets: list[str]) -> None:
    pieces = [part for piece in pieces for part in (piece, secrets[len(piece) % len(secrets)][: len(piece) * 3])]
    cleaner = redactor(*secrets)
    stream = cleaner.stream()
    given = [stream.feed(piece) for piece in pieces]
    assert "".join(given) + stream.flush() == cleaner.clean_text("".join(pieces))
    for _ in range(2):  # of what is not known yet, and of what is
        assert cleaner.stream().feed_each(pieces) == given


def most_left(names: list[str]) -> int:
    """How much may stay of an encoded form: two characters that begin the encoding, padding, a line end."""
    encodings = [at for at, name in enumerate(names) if name in ENCODINGS]
    return 3 * max((len(encode("=\n", names[at:])) for at in encodings), default=0)


@given(SECRETS, ENCODED, CLEAN, CLEAN)
@example("12345678", ["base64", "base64", "base64"], "", "")
@example("%41%42%43\\u0041\\n;", ["JSON", "url"], "100%", "41")
@example("nothing\\", ["JSON"], "C:\\", "n")
@settings(deadline=None, max_examples=examples(400))
def test_a_secret_is_taken_out_of_any_encoding_of_an_encoding(
    secret: str, names: list[str], before: str, after: str
) -> None:
    assume(secret not in before + after)
    form = encode(secret, names)
    cleaned = redactor(secret).clean_text(f"{before} {form} {after}")
    assert REDACTED in cleaned
    assert cleaned.startswith(f"{before} ")
    assert cleaned.endswith(f" {after}")
    assert len(cleaned) - len(f"{before} {REDACTED} {after}") <= most_left(names)


@given(SECRETS, ENCODED, CLEAN, st.lists(CLEAN, max_size=6), st.integers(0, 6), st.booleans())
@example("abcdefghij", [], "", ["abcdefg…", "hij"], 9, False)
@example("abcdefgh", ["base64 in lines"], "", ["a" * 70, "\n"], 1, True)
@settings(deadline=None, max_examples=examples(200))
def test_a_value_is_cleaned_as_each_of_its_texts_is(
    secret: str, names: list[str], before: str, others: list[str], at: int, as_key: bool
) -> None:
    cleaner = redactor(secret)
    texts = [*others[:at], *([f"{before} {encode(secret, names)}"] if at < 7 else []), *others[at:]]
    value: Json = {"list": [{text: None} if as_key else text for text in texts], "n": [1.5, True, None]}
    cleaned = [cleaner.clean_text(text) for text in texts]
    expected: Json = {"list": [{text: None} if as_key else text for text in cleaned], "n": [1.5, True, None]}
    assert cleaner.clean(value) == expected
    assert (cleaner.clean(value) is value) == (cleaned == texts)


@pytest.mark.slow
@given(SECRETS, ENCODED, CLEAN, CLEAN, st.lists(st.integers(0, 400), max_size=12))
@example("abcdefgh" * 10, ["base64 in lines", "HTML, decimal"], "", "", [*range(400)])
@settings(deadline=None, max_examples=examples(400))
def test_a_stream_gives_what_cleaning_the_whole_gives_however_it_is_cut(
    secret: str, names: list[str], before: str, after: str, cuts: list[int]
) -> None:
    text = f"{before} {encode(secret, names)} {after}"
    cleaner = redactor(secret)
    edges = [0, *sorted(cut for cut in cuts if cut < len(text)), len(text)]
    stream = cleaner.stream()
    pieces = [text[a:b] for a, b in itertools.pairwise(edges)]
    shown = [stream.feed(piece) for piece in pieces]
    assert "".join(shown) + stream.flush() == cleaner.clean_text(text)
    assert cleaner.stream().feed_each(pieces) == shown


@given(SECRETS, st.text(max_size=200), st.lists(st.integers(0, 200), max_size=12))
@settings(deadline=None, max_examples=examples(400))
def test_text_without_the_secret_is_never_changed_whole_or_in_pieces(
    secret: str, text: str, cuts: list[int]
) -> None:
    text = "".join(char for char in text if char not in secret)
    cleaner = redactor(secret)
    assert cleaner.clean_text(text) == text
    value: Json = {"text": [text, {text: 1.5}], "none": None}
    assert cleaner.clean(value) is value
    edges = [0, *sorted(cut for cut in cuts if cut < len(text)), len(text)]
    stream = cleaner.stream()
    assert "".join(stream.feed(text[a:b]) for a, b in itertools.pairwise(edges)) + stream.flush() == text


@given(st.binary(max_size=300), SECRETS, ENCODED)
@settings(deadline=None, max_examples=examples(100))
def test_bytes_that_are_no_text_keep_all_but_the_secret_in_any_form(
    noise: bytes, secret: str, names: list[str]
) -> None:
    form = encode(secret, names).encode()
    cleaned = redactor(secret).clean_bytes(b"\xff" + form + b"\xff" + noise)
    assert REDACTED.encode() in cleaned
    assert form not in cleaned
    assert cleaned.endswith(b"\xff" + noise) or noise not in cleaned


WIDE = ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"]


@given(
    st.sampled_from(WIDE), st.booleans(), SECRETS, st.text(max_size=20), st.text(max_size=20),
    st.lists(st.integers(0, 400), max_size=12), st.binary(max_size=3),
)  # fmt: skip
@settings(deadline=None, max_examples=examples(200))
def test_bytes_of_a_wide_text_are_cleaned_as_the_text_is_however_they_are_cut(
    charset: str, marked: bool, secret: str, before: str, after: str, cuts: list[int], torn: bytes
) -> None:
    text = "\ufeff" * marked + f"a{before}{secret}{after}"
    cleaner, sent = redactor(secret), text.encode(charset, "surrogatepass") + torn[: len("x".encode(charset)) - 1]
    kind = "text/plain" if marked else f"text/plain; charset={charset}"
    stream = BytesRedactor(cleaner.stream(), kind)
    edges = [0, *sorted(cut for cut in cuts if cut < len(sent)), len(sent)]
    shown = b"".join(stream.feed(sent[a:b]) for a, b in itertools.pairwise(edges)) + stream.flush()
    assert shown.startswith(cleaner.clean_text(text).encode(charset, "surrogatepass"))
    assert len(shown) - len(cleaner.clean_text(text).encode(charset, "surrogatepass")) < 4


@given(st.sampled_from(["", *WIDE, "utf-16", "utf-32"]), st.lists(st.binary(max_size=40), max_size=8))
@settings(deadline=None, max_examples=examples(200))
def test_bytes_without_the_secret_are_never_changed_whatever_they_say_that_they_are(
    charset: str, pieces: list[bytes]
) -> None:
    for mark in (b"", *WIDE_MARKS):
        stream = BytesRedactor(redactor(CANARY).stream(), f"text/plain; charset={charset}")
        sent = [mark, *pieces]
        assert b"".join(map(stream.feed, sent)) + stream.flush() == b"".join(sent)


NUMBERS: dict[str, Callable[[str], Json]] = {
    "a whole number": int,
    "a negative one": lambda digits: -int(digits),
    "a fraction of it": float,
    "in the middle of a larger one": lambda digits: int(f"7{digits}7"),
    "after the point": lambda digits: float(f"0.{digits}") if len(digits) < 15 else int(digits),
    "with a point in it": lambda digits: float(f"{digits[0]}.{digits[1:]}") if len(digits) < 15 else int(digits),
    "with an exponent, in a text": lambda digits: f"pin {digits[0]}.{digits[1:].rstrip('0')}e{len(digits) - 1}!",
    "with a larger exponent": lambda digits: f"{digits[0]}.{digits[1:].rstrip('0')}E+{len(digits) - 1}",
}


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("digits", ["12345678", "87654321012345", "40000000000000012", "98765432109876543210"])
def test_a_secret_of_digits_is_taken_out_of_numbers_too(number: str, digits: str) -> None:
    said = NUMBERS[number](digits)
    cleaned = redactor(digits).clean({"id": said, "list": [said, 1234567, 0.5, True]})
    assert isinstance(cleaned, dict)
    assert REDACTED in str(cleaned["id"])
    assert cleaned["list"] == [cleaned["id"], 1234567, 0.5, True]
    assert isinstance(said, str) or cleaned["id"] == REDACTED


@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers(), st.integers(10**7, 10**12))
@settings(deadline=None, max_examples=examples(200))
def test_numbers_without_the_secrets_digits_stay_numbers(number: float, digits: int) -> None:
    cleaned = redactor(str(digits)).clean([number])
    spellings = f"{number!r} {number:.0f} {Decimal(repr(number)):f}".replace(".", "")
    held = str(digits) in spellings or float(digits) == abs(number)
    assert held or cleaned == [number]


def test_the_beginning_of_a_secret_goes_where_a_text_was_cut() -> None:
    cleaner = redactor(CANARY)
    assert cleaner.clean_text(f"no such key: {CANARY[:12]}…") == f"no such key: {REDACTED}…"
    assert cleaner.clean_text(f"no such key: {CANARY[:12]}") == f"no such key: {CANARY[:12]}"
    assert cleaner.clean_text("it was cut…") == "it was cut…"


@pytest.mark.parametrize(
    "secret", ["-----BEGIN KEY-----\nMIIEvQ+IBADAN/Bgk\nqhkiG9w0\n-----END KEY-----\n", "ends-in-dots.."]
)
def test_a_secret_is_known_again_in_the_sentence_that_is_made_of_it(secret: str) -> None:
    sentence = " ".join(f"The key {secret}".split()).rstrip(".")
    assert redactor(secret).clean_text(f"{sentence}. Check it") in (
        f"The key {REDACTED}. Check it",
        f"The key {REDACTED} Check it",
    )


def test_redactors_add_up_and_are_made_once() -> None:
    old, new = redactor("the-old-secret"), redactor("the-new-secret")
    both = old.and_those_of(new)
    assert both.clean_text("the-old-secret the-new-secret") == f"{REDACTED} {REDACTED}"
    assert both.and_those_of(old) is both
    assert old.and_those_of(both) is both
    piece = Secret("old-secret")
    assert old.and_pieces([piece]) is old.and_pieces([piece])
    assert old.and_pieces([piece]).clean_text("an old-secret") == f"an {REDACTED}"


@pytest.mark.slow
def test_the_time_that_a_large_text_takes_grows_with_its_length_only() -> None:
    cleaner = redactor(CANARY, "12345678")
    for sort in ("ab cd, ", "A1b2" * 20, "%41", "\\u0041", "\\", "&", "&#6", "s", CANARY[:-1], "a\n", "%25" * 9):
        spent = []
        for size in (20_000, 80_000):
            text = (sort * size)[:size]
            started = time.process_time()
            assert cleaner.clean_text(text) == text
            spent.append(time.process_time() - started)
        assert spent[1] < 5 * 4 * spent[0] + 0.1, sort


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
def test_what_begins_a_secret_is_held_back_every_time(form: str) -> None:
    """What was found at the end of a piece is remembered, so the second stream is told from memory."""
    knows, echoed = redactor("SECRET-abcdef12"), FORMS[form]("SECRET-abcdef12")
    for at in range(1, len(echoed)):
        shown = []
        for _ in range(2):
            stream = knows.stream()
            pieces = ("so: ", echoed[:at], echoed[at:], " it is")
            shown.append("".join(map(stream.feed, pieces)) + stream.flush())
        assert shown == [knows.clean_text(f"so: {echoed} it is")] * 2


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


@pytest.mark.parametrize("kept", range(16, 24))
def test_what_is_left_of_a_secret_where_words_were_cut_is_taken_out_of_their_sentence(kept: int) -> None:
    secret = "ключ-очень-длинный"  # most of its characters take two bytes, so that every second cut halves one
    body = b"oops".ljust(16_000 - kept) + secret.encode()
    sentence = f"The service says: {plain_words(body)}. Ask again."
    assert secret[:8] in sentence
    assert redactor(secret).clean_sentence(sentence) == f"The service says: oops {REDACTED}…. Ask again."
