"""Header names and values of a manifest: one rule wherever they stand, with the place of what breaks it."""

import json
import re
from collections.abc import Callable, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentos_runtime.manifest.result import LoadResult
from tests.manifest.loading import load, utility

URL = "method: POST\nurl: https://api.example.com/x"
TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}")
FRAMING = (
    "Host", "Content-Length", "Transfer-Encoding", "Connection", "Upgrade", "TE", "Trailer", "Keep-Alive", "Expect",
    "Proxy-Authorization", "Proxy-Authenticate", "Proxy-Connection", "HTTP2-Settings",
)  # fmt: skip
NOT_FOR_CALLERS = (
    "Authorization", "Cookie", "Set-Cookie", "X-Api-Key", "Api-Key", "X-Auth-Token", "X-Access-Key", "X-Session-Id",
    "X-CSRF-Token", "DPoP", "Content-Type", "Content-Encoding", "Accept", "Accept-Encoding", "User-Agent", "Range",
    "If-Match", "Origin", "Referer", "Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP",
    "X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "X-Original-URL", "X-Rewrite-URL",
    "Sec-Fetch-Site", "Date", "Via", "Cache-Control", *FRAMING,
)  # fmt: skip
FOR_CALLERS = (
    "Idempotency-Key", "X-Idempotency-Key", "idempotency_key", "X-Request-Id", "Request-Id", "PayPal-Request-Id",
    "X-Client-Request-Id", "I-Twilio-Idempotency-Token", "Once", "X-Deduplication-ID", "Nonce", "Transaction-Id",
)  # fmt: skip


def quoted(text: str) -> str:
    """The text as YAML in double quotes, which are JSON's."""
    return json.dumps(text)


PLACES: Mapping[str, Callable[[str], str]] = {
    "headers": lambda name: utility(f"{URL}\nheaders: {{{quoted(name)}: v}}"),
    "api_key": lambda name: utility(URL, above=f"auth: {{type: api_key, header: {quoted(name)}}}"),
    "template": lambda name: utility(URL, above=f'auth: {{header: {{{quoted(name)}: "{{token}}"}}}}'),
    "named": lambda name: utility(
        URL, above=f"auth: {{credentials: {{a: {{type: api_key, header: {quoted(name)}}}}}}}"
    ),
    "idempotency": lambda name: utility(f"{URL}\nretry: {{idempotency_header: {quoted(name)}}}"),
}
VALUES: Mapping[str, Callable[[str], str]] = {
    "headers": lambda value: utility(f"{URL}\nheaders: {{X-A: {quoted(value)}}}"),
    "prefix": lambda value: utility(URL, above=f"auth: {{type: api_key, header: X-A, prefix: {quoted(value)}}}"),
    "template": lambda value: utility(URL, above=f"auth: {{header: {{X-A: {quoted(value + '{token}')}}}}}"),
}


def errors(result: LoadResult) -> list[str]:
    return [problem.message for problem in result.problems if problem.severity == "error"]


@pytest.mark.parametrize("place", PLACES)
@given(name=st.one_of(st.sampled_from(NOT_FOR_CALLERS), st.text(min_size=1, max_size=20), st.from_regex(TOKEN)))
def test_no_name_gets_into_a_skill_that_is_no_token_or_belongs_to_the_message(place: str, name: str) -> None:
    result = load(PLACES[place](name))
    framing = name.lower() in {each.lower() for each in FRAMING} or name.lower().startswith("proxy-")
    if not TOKEN.fullmatch(name) or framing:
        assert result.skill is None, name


@pytest.mark.parametrize("name", FRAMING)
@pytest.mark.parametrize("place", PLACES)
def test_a_header_of_the_message_itself_is_an_error_at_its_name_with_a_fix(place: str, name: str) -> None:
    for spelled in (name, name.lower(), name.upper()):
        front = PLACES[place](spelled)
        found = [p for p in load(front).problems if "is set by the runtime" in p.message]
        assert len(found) == 1
        line = f"---\nid: demo\nname: Demo\ndescription: A demonstration\n{front}".splitlines()
        where = found[0].place.position
        assert line[where.line - 1][where.column - 1 :].lstrip('"').startswith(spelled)
        assert found[0].fix
        assert found[0].length >= len(spelled)


@pytest.mark.parametrize("name", NOT_FOR_CALLERS)
def test_a_callers_idempotency_key_is_sent_in_no_header_that_means_something_else(name: str) -> None:
    for spelled in (name, name.lower(), name.upper()):
        (message,) = errors(load(PLACES["idempotency"](spelled)))
        assert message.startswith(f"`{spelled}` ")


@pytest.mark.parametrize("name", FOR_CALLERS)
def test_a_header_that_apis_use_for_idempotency_is_fine(name: str) -> None:
    assert errors(load(PLACES["idempotency"](name))) == []


@pytest.mark.parametrize(
    ("above", "headers", "whose"),
    [
        ("auth: {type: api_key, header: x-once}", "{}", "the credential"),
        ('auth: {header: {X-ONCE: "a {token}"}}', "{}", "the credential"),
        ("auth: {credentials: {default: {type: api_key, header: X-Once}}}", "{}", "the credential"),
        ("auth: {type: api_key}", "{x-once: .auth.key}", "the credential"),
        ("", "{x-once: fixed}", "a value that is written in `headers`"),
    ],
)
def test_a_callers_key_takes_the_place_of_nothing_that_the_call_sends(above: str, headers: str, whose: str) -> None:
    front = utility(f"{URL}\nheaders: {headers}\nretry: {{idempotency_header: X-Once}}", above=above)
    assert errors(load(front)) == [f"`X-Once` carries {whose}, and a caller's Idempotency-Key would take its place"]


@pytest.mark.parametrize("place", VALUES)
@given(value=st.text(max_size=12).filter(lambda text: not set(text) & set('{}[]().|$"')))
def test_no_written_value_gets_into_a_skill_that_no_header_can_hold(place: str, value: str) -> None:
    result = load(VALUES[place](value))
    if any(not (" " <= char <= "~" or char == "\t") for char in value):
        assert result.skill is None
        assert errors(result)


@pytest.mark.parametrize(
    ("value", "column", "said"),
    [
        ("a\nb", 2, "a header cannot contain a line break"),
        ("a\u2028b", 2, "a header cannot contain a line break"),
        ("ab\x1b[31m", 3, "a header cannot contain a control character"),
        ("a\0", 2, "a header cannot contain a control character"),
        ("a\x85", 2, "a header cannot contain a control character"),
        ("caf\xe9", 4, "a header holds ASCII characters only"),
        ("\u202etxt", 1, "a header holds ASCII characters only"),
        (" a", 1, "a header neither begins nor ends with a space"),
        ("a\t", 2, "a header neither begins nor ends with a space"),
    ],
)
def test_what_a_header_cannot_hold_is_told_at_its_character(value: str, column: int, said: str) -> None:
    front = utility(f"{URL}\nheaders:\n  X-A: {quoted(value)}")
    (found,) = [p for p in load(front).problems if p.severity == "error"]
    line = f"        X-A: {quoted(value)}"
    before = quoted(value[: column - 1])[1:-1]
    assert found.message == said
    assert found.place.position.column == line.index('"') + 2 + len(before)
    assert found.fix


def test_a_prefix_ends_in_a_space_because_the_key_follows() -> None:
    assert errors(load(utility(URL, above='auth: {type: api_key, header: A, prefix: "Bearer "}'))) == []
