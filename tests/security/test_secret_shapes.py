"""One detector: what looks like a secret is found wherever it stands, and what does not is left alone."""

import base64
import json
from collections.abc import Callable, Mapping

import pytest
from click import UsageError
from hypothesis import given, settings
from hypothesis import strategies as st

from agentos_runtime.cli.new import beginning
from agentos_runtime.importers.adding import added
from agentos_runtime.importers.api import ImportProblem, Losses
from agentos_runtime.importers.curl.reader import read_curl
from agentos_runtime.importers.update import Disk, make_plan
from agentos_runtime.manifest.secrets.excerpts import lines_without_secrets as excerpt
from agentos_runtime.manifest.secrets.excerpts import source_lines
from agentos_runtime.manifest.secrets.shapes import find_secrets, holds_secret, masked, without_secrets
from tests.manifest.loading import HEAD, load_bytes
from tests.security.secrets_made import BY_NAME, HARMLESS, HARMLESS_NAMES, OF_A_FORM, SECRET_NAMES
from tests.sizes import examples

quoted: Callable[[str], str] = json.dumps


def escaped(text: str) -> str:
    return "".join(f"\\u{ord(char):04x}" for char in text)


WRITTEN = "this looks like a secret, and skill files are shared"
GO = "utilities:\n  go:\n    description: Go\n    params: {%s}\n    rest:\n      url: https://api.example.com/x\n"
ANYWHERE: Mapping[str, Callable[[str], str]] = {
    "default": lambda key: GO % f"a: {{default: {quoted(key)}}}",
    "escaped": lambda key: GO % f'a: {{default: "{escaped(key)}"}}',
    "enum": lambda key: GO % f"a: {{enum: [b, {quoted(key)}]}}",
    "description": lambda key: GO % f"a: {{description: {quoted(f'Send {key} along')}}}",
    "header": lambda key: GO % "" + f"      headers: {{Authorization: {quoted(f'Bearer {key}')}}}\n",
    "jq": lambda key: GO % "" + f"      headers: {{X-A: {quoted(f'(.params.a // {quoted(key)})')}}}\n",
    "query": lambda key: GO % "" + f"      query: {{a: {quoted(key)}}}\n",
    "body": lambda key: GO % "" + f"      method: POST\n      body: {{a: [{{b: {quoted(key)}}}]}}\n",
    "remark": lambda key: f"# {key}\n" + GO % "",
    "settings": lambda key: f"settings: {{a: {{default: {quoted(key)}}}}}\n" + GO % "",
    "instructions": lambda key: f"instructions: {quoted(f'use {key}')}\n" + GO % "",
    "unknown key": lambda key: f"x-{key}: 1\n" + GO % "",
    "beside an error": lambda key: GO % f"a: {{defalt: {quoted(key)}}}",
}
NAMED: Mapping[str, Callable[[str, str], str]] = {
    "default": lambda name, key: GO % f"{quoted(name)}: {{type: string, default: {quoted(key)}}}",
    "example": lambda name, key: GO % f"{quoted(name)}: {{examples: [{quoted(key)}]}}",
    "settings": lambda name, key: f"settings: {{{quoted(name)}: {{default: {quoted(key)}}}}}\n" + GO % "",
    "query": lambda name, key: GO % "" + f"      query: {{{quoted(name)}: {quoted(key)}}}\n",
    "header": lambda name, key: GO % "" + f"      headers: {{{quoted(name)}: {quoted(key)}}}\n",
    "body": lambda name, key: (
        GO % "" + f"      method: POST\n      body: {{a: {{{quoted(name)}: {quoted(key)}}}}}\n"
    ),
}
a_secret = st.sampled_from(sorted(OF_A_FORM)).flatmap(OF_A_FORM.__getitem__)
a_random_value = st.sampled_from(sorted(BY_NAME)).flatmap(BY_NAME.__getitem__)


def told_and_not_shown(front: str, key: str) -> None:
    """A problem underlines the key, and neither problems nor the excerpts under them quote it."""
    data = f"---\n{HEAD}{front}---\n# Demo\n".encode()
    result = load_bytes(data)
    found = [problem for problem in result.problems if problem.message == WRITTEN]
    assert found, front
    assert result.skill is None
    assert all(problem.severity == "error" and problem.fix for problem in found)
    lines = source_lines(data)
    marked = [lines[p.place.position.line - 1][p.place.position.column - 1 :][: p.length] for p in found]
    assert any(key in one or "\\u" in one for one in marked), marked
    shown = "\n".join([*map(str, result.problems), *excerpt(lines, result.problems)])
    assert key not in shown
    assert key[len(key) // 2 :] not in shown


@pytest.mark.parametrize("shape", OF_A_FORM)
@settings(max_examples=examples(15))
@given(data=st.data(), place=st.sampled_from(sorted(ANYWHERE)))
def test_a_key_of_a_known_form_is_found_wherever_it_stands(shape: str, place: str, data: st.DataObject) -> None:
    key = data.draw(OF_A_FORM[shape])
    told_and_not_shown(ANYWHERE[place](key), key)


def test_a_key_that_two_forms_share_is_hidden_to_its_end() -> None:
    key = f"3982860923451685:{'f343545c69b31c418dd144d278fd9a69'}"
    assert masked(f"a Bearer {key} b") == f"a Bearer{'*' * 50} b"
    assert without_secrets(f"a Bearer {key} b") == "a … b"


@settings(max_examples=examples(200))
@given(key=a_random_value | a_secret, name=st.sampled_from(SECRET_NAMES), place=st.sampled_from(sorted(NAMED)))
def test_a_random_value_under_the_name_of_a_secret_is_found(key: str, name: str, place: str) -> None:
    told_and_not_shown(NAMED[place](name, key), key)


@settings(max_examples=examples(100))
@given(key=a_secret, mark=st.sampled_from(["use `{}`", "curl -H 'Authorization: Bearer {}'", "    key: {}"]))
def test_a_secret_in_the_markdown_is_a_warning_at_its_character(key: str, mark: str) -> None:
    text = f"---\n{HEAD}---\n# Demo\n{mark.format(key)}\n"
    result = load_bytes(text.encode())
    assert result.skill is not None
    assert [warning.message for warning in result.skill.warnings] == [WRITTEN]


@settings(max_examples=examples(300))
@given(value=a_random_value | st.sampled_from(HARMLESS), name=st.sampled_from(HARMLESS_NAMES))
def test_random_values_under_other_names_are_let_be(value: str, name: str) -> None:
    assert find_secrets(value, name) == ()


@pytest.mark.parametrize("text", HARMLESS)
def test_placeholders_names_and_models_are_let_be(text: str) -> None:
    names = ("", *SECRET_NAMES, *HARMLESS_NAMES)
    assert [name for name in names if find_secrets(text, name)] == []


@given(data=st.binary(min_size=600, max_size=4000))
def test_an_image_in_base64_is_let_be(data: bytes) -> None:
    text = base64.b64encode(data).decode()
    assert find_secrets(f"data:image/png;base64,{text}", "image") == ()


@settings(max_examples=examples(300))
@given(before=st.text("a .:\n\u202e", max_size=20), key=a_secret, after=st.text(" .,\n", max_size=20))
def test_what_replaces_a_secret_has_nothing_of_it_but_its_prefix(before: str, key: str, after: str) -> None:
    text = f"{before} {key} {after}"
    for shown in (without_secrets(text), masked(text)):
        assert key[-12:] not in shown
    assert len(masked(text)) == len(text)
    assert holds_secret({"a": [{"b": text}]})


CURL = (
    "curl -H 'Authorization: Bearer {}' https://api.example.com/a",
    "curl -H 'authorization: {}' https://api.example.com/a",
    "curl -H'X-Api-Key: {}' https://api.example.com/a",
    "curl -H 'X-Custom: {}' https://api.example.com/a",
    "curl -u 'me:{}' https://api.example.com/a",
    "curl -ume:{} https://api.example.com/a",
    "curl -sSume:{} https://api.example.com/a",
    "curl --user=me:{} https://api.example.com/a",
    "curl -U me:{} https://api.example.com/a",
    "curl --proxy-user me:{} https://api.example.com/a",
    "curl -x http://me:{}@proxy.example.com https://api.example.com/a",
    "curl --oauth2-bearer {} https://api.example.com/a",
    "curl --aws-sigv4 aws:amz:eu-west-1:s3 -u 'AKIA0123456789ABCDEF:{}' https://api.example.com/a",
    "curl --pass {} --key {} --cert a:{} --tlspassword {} https://api.example.com/a",
    "curl --unknown-option={} https://api.example.com/a",
    "curl -b 'session={}; theme=dark' https://api.example.com/a",
    "curl --cookie token={} https://api.example.com/a",
    "curl -e 'https://a.example/?access_token={}' https://api.example.com/a",
    "curl 'https://api.example.com/a?api_key={}'",
    "curl 'https://api.example.com/a?q=1&key={}&limit=5'",
    "curl 'https://api.example.com/a?q={}'",
    "curl 'https://me:{}@api.example.com/a'",
    "curl 'https://{}@api.example.com/a'",
    "curl 'https://api.example.com/{}/a'",
    "curl 'https://api.example.com/bot{}/send'",
    "curl 'https://api.example.com/a#{}'",
    "curl -G -d 'token={}' https://api.example.com/a",
    "curl --url-query 'token={}' https://api.example.com/a",
    "curl -d 'client_secret={}&grant_type=x' https://api.example.com/a",
    "curl --data-urlencode 'password={}' https://api.example.com/a",
    "curl --data-raw '{}' https://api.example.com/a",
    """curl --json '{{"a": {{"apiKey": "{}"}}, "b": [1]}}' https://api.example.com/a""",
    """curl --json '{{"note": "use {}"}}' https://api.example.com/a""",
    """curl --json '["{}"]' https://api.example.com/a""",
    "curl -F 'token={}' -F file=@a.png https://api.example.com/a",
    "curl -F 'note={};type=text/plain' https://api.example.com/a",
    "curl -X {} https://api.example.com/a",
    "curl -A '{}' https://api.example.com/a",
)  # fmt: skip
NAMES_ITSELF = ("q={}", "X-Custom", "note", "{}@api", "/{}/a", "bot{}", "data-raw", '["{}"]', "-X {}", "-A '")
"""Places whose name says nothing: only the form of a key gives it away there."""


@pytest.mark.parametrize("command", CURL)
@settings(max_examples=examples(12), deadline=None)
@given(data=st.data())
def test_no_secret_of_a_curl_command_is_written(command: str, data: st.DataObject) -> None:
    of_a_form = any(place in command for place in NAMES_ITSELF)
    key = data.draw(a_secret if of_a_form else a_secret | a_random_value)
    losses, disk = Losses(), Disk({}, {})
    try:
        api = read_curl(command.replace("{}", key).replace("{{", "{").replace("}}", "}"), losses)
    except ImportProblem as error:
        said = str(error)
        assert key not in said
        return
    assert key not in repr(api), "what was read of the command has forgotten it already"
    plan = make_plan(added(api, "x", None, disk, losses), disk, split=False)
    written = "\n".join([*plan.files.values(), *plan.base.values(), *losses.lines(9)])
    assert key not in written
    assert key[len(key) // 2 :] not in written


ADDRESSES = (
    "https://api.example.com/a?api_key={}", "https://api.example.com/a?q=cats&access_token={}&limit=5",
    "https://api.example.com/a?q={}", "https://me:{}@api.example.com/a", "https://{}@api.example.com/a",
    "https://api.example.com/{}/a", "https://api.example.com/a?X-Amz-Signature={}", "https://api.example.com/a?key={}",
)  # fmt: skip


@pytest.mark.parametrize("address", ADDRESSES)
@settings(max_examples=examples(15))
@given(key=a_secret.filter(str.isascii))
def test_no_secret_of_an_address_is_written_into_a_new_skill(address: str, key: str) -> None:
    try:
        made = beginning("mine", address.format(key))
    except UsageError as error:
        assert key not in str(error)  # noqa: PT017 - most addresses are read
        return
    assert key not in made.text + made.case
    result = load_bytes(made.text.encode())
    assert result.skill is not None, result.problems
    assert not any(WRITTEN in warning.message for warning in result.skill.warnings)


def test_the_key_of_an_address_becomes_the_credential_of_a_new_skill() -> None:
    text = beginning("mine", "https://api.example.com/a?q=cats&api_key=0123456789abcdef0123456789abcdef").text
    skill = load_bytes(text.encode()).skill
    assert skill is not None
    (place,) = skill.auth["default"].templates
    assert (place.location, place.name) == ("query", "api_key")
    assert [*skill.utilities["get_a"].defaults] == ["q"]
