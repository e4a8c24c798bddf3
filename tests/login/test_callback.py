"""Only the answer to this login gives a code."""

from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentos_runtime.manifest.model import Login
from agentos_runtime.security.login.callback import (
    Callback,
    LoginError,
    NotTheAnswer,
    OtherPage,
    authorize_url,
    check_encrypted,
    rewritten,
)
from agentos_runtime.security.login.pkce import Proof
from tests.sizes import examples

STATE = "c3RhdGUtb2YtMTI4LWJpdHM"
IN_PATH = Callback("http://localhost:3000/callback", STATE, in_path=True)
IN_QUERY = Callback("http://127.0.0.1:4000/cb", STATE, in_path=False)
PROOF = Proof("v" * 64, STATE)
OPENROUTER = Login(
    "https://openrouter.ai/auth", "https://openrouter.ai/api/v1/auth/keys", callback_param="callback_url"
)
STANDARD = Login("https://a.example/authorize?tenant=x", "https://a.example/token", "me", ("read", "write"))


def asked(login: Login, callback: Callback) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(authorize_url(login, callback, PROOF)).query))


def test_a_service_without_clients_is_told_the_callback_and_the_challenge_only() -> None:
    assert asked(OPENROUTER, IN_PATH) == {
        "callback_url": f"http://localhost:3000/callback/{STATE}",
        "code_challenge": PROOF.challenge,
        "code_challenge_method": "S256",
    }


def test_a_service_with_clients_is_asked_as_oauth_2_says() -> None:
    assert asked(STANDARD, IN_QUERY) == {
        "tenant": "x",
        "redirect_uri": "http://127.0.0.1:4000/cb",
        "code_challenge": PROOF.challenge,
        "code_challenge_method": "S256",
        "scope": "read write",
        "response_type": "code",
        "client_id": "me",
        "state": STATE,
    }


def test_the_answer_gives_its_code() -> None:
    assert IN_PATH.code(f"/callback/{STATE}?code=abc%2Fd&user=1") == "abc/d"
    assert IN_QUERY.code(f"/cb?state={STATE}&code=abc") == "abc"


@pytest.mark.parametrize(
    ("callback", "target"),
    [
        (IN_PATH, f"/callback/{STATE}"),
        (IN_PATH, f"/callback/{STATE}?code="),
        (IN_PATH, f"/callback/{STATE}?code=a&code=b"),
        (IN_PATH, f"/callback/{STATE}?code=a%20b"),
        (IN_PATH, f"/callback/{STATE}?code={'a' * 5000}"),
        (IN_PATH, f"/callback/{STATE[:-1]}?code=a"),
        (IN_PATH, f"/callback/{STATE}x?code=a"),
        (IN_PATH, f"/callback/?code=a&state={STATE}"),
        (IN_PATH, "/callback/x?error=access_denied"),
        (IN_PATH, f"/callback/{STATE}?" + "&".join(f"a{n}=1" for n in range(99))),
        (IN_QUERY, "/cb?code=a"),
        (IN_QUERY, f"/cb?code=a&state={STATE}&state={STATE}"),
        (IN_QUERY, f"/cb?code=a&state={STATE.lower()}"),
        (IN_QUERY, "/cb?error=access_denied&state="),
    ],
)
def test_what_is_not_the_answer_gives_nothing(callback: Callback, target: str) -> None:
    with pytest.raises(NotTheAnswer):
        callback.code(target)


@pytest.mark.parametrize(
    "target", ["/", "/favicon.ico", f"/{STATE}?code=a", f"/callback/{STATE}/x?code=a", "//callback", "*"]
)
def test_other_pages_are_known_as_such(target: str) -> None:
    with pytest.raises(OtherPage):
        IN_PATH.code(target)
    with pytest.raises(OtherPage):
        IN_QUERY.code(target)


@settings(deadline=None, max_examples=examples(200))
@given(st.text(), st.text(), st.text())
def test_nothing_but_the_state_opens_the_door(path: str, state: str, query: str) -> None:
    for callback, target in (
        (IN_PATH, f"/callback/{path}?code=a&{query}"),
        (IN_PATH, f"{path}?{query}"),
        (IN_QUERY, f"/cb?code=a&state={state}&{query}"),
        (IN_QUERY, f"{path}?{query}"),
    ):
        if STATE in target:
            continue
        with pytest.raises(NotTheAnswer):
            callback.code(target)


def test_the_host_is_what_a_browser_says() -> None:
    assert IN_PATH.host == "localhost:3000"
    assert Callback("http://localhost:80/cb", STATE, in_path=True).host == "localhost"


def test_a_refusal_is_told_in_words_that_steer_no_terminal() -> None:
    with pytest.raises(LoginError) as refused:
        IN_PATH.code(f"/callback/{STATE}?error=access_denied&error_description=not%1b[31mnow%0ahere")
    assert str(refused.value) == "The login was refused: access_denied not [31mnow here. Nothing was stored."
    with pytest.raises(LoginError, match="The service ended the login: server_error"):
        IN_QUERY.code(f"/cb?error=server_error&state={STATE}")


def test_a_person_pastes_the_address_or_the_code() -> None:
    assert IN_PATH.pasted(f"  http://localhost:3000/callback/{STATE}?code=abc#x \n") == "abc"
    assert IN_QUERY.pasted("abc-_~.1") == "abc-_~.1"
    for text in ("", "two words", "http://[", "http://localhost:3000/callback/x?code=abc", "\udcff", "a" * 5000):
        with pytest.raises(NotTheAnswer):
            IN_PATH.pasted(text)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (f"127.0.0.1:4000/cb?code=abc&state={STATE}#_=_", "abc"),
        (f"?code=4%2F0Abc-_&state={STATE}", "4/0Abc-_"),
        (f"state={STATE}&code=abc", "abc"),
        ("code=4%2F0Abc&scope=read", "4/0Abc"),
        ("4%2F0Abc", "4/0Abc"),
        ("YWJjMTIz==", "YWJjMTIz=="),
    ],
)
def test_a_part_of_the_address_is_as_good(text: str, code: str) -> None:
    assert IN_QUERY.pasted(text) == code


def test_a_part_of_an_address_brings_its_state_where_it_names_one() -> None:
    assert IN_PATH.pasted(f"localhost:3000/callback/{STATE}?code=abc") == "abc"
    assert IN_PATH.pasted("?code=abc") == "abc"
    for text in ("?code=abc&state=other", "localhost:4000/cb?code=abc", "?state=other", "code="):
        with pytest.raises(NotTheAnswer):
            IN_QUERY.pasted(text)
    with pytest.raises(NotTheAnswer):
        IN_PATH.pasted("localhost:3000/callback/other?code=abc")
    with pytest.raises(LoginError, match="The login was refused"):
        IN_QUERY.pasted("error=access_denied")


def test_the_browser_goes_where_the_operator_sends_calls() -> None:
    rewrite = {"https://openrouter.ai": "http://127.0.0.1:9000/base"}
    assert rewritten("https://openrouter.ai/auth?a=b%20c", rewrite) == "http://127.0.0.1:9000/base/auth?a=b%20c"
    assert rewritten("https://OpenRouter.ai:443/auth", rewrite) == "http://127.0.0.1:9000/base/auth"
    assert (
        rewritten("https://openrouter.ai.evil.example/auth", rewrite) == "https://openrouter.ai.evil.example/auth"
    )


@pytest.mark.parametrize(
    ("authorize", "token", "fine"),
    [
        ("https://a.example/a", "https://a.example/t", True),
        ("https://a.example/a", "http://a.example/t", False),
        ("http://a.example/a", "https://a.example/t", False),
        ("http://localhost:1/a", "http://127.0.0.1:1/t", True),
    ],
)
def test_codes_and_keys_travel_encrypted_or_not_far(authorize: str, token: str, fine: bool) -> None:
    if fine:
        check_encrypted(Login(authorize, token))
    else:
        with pytest.raises(LoginError, match="is not https"):
            check_encrypted(Login(authorize, token))
