"""What is allowed but probably not meant is a warning; a secret in the file is an error."""

# ruff: noqa: E501  (a row of a table is one line)

import pytest

from agentos_runtime.manifest.lint import RULES
from tests.manifest.loading import load, load_bytes, texts, utility

URL = "url: https://api.example.com/x"
POST = f"method: POST\n{URL}"
KEY = "sk-or-v1-0123456789abcdef0123456789"
WARNED = {
    "undeclared_param": (utility(f"{URL}\nquery: {{a: '.params.modle // .params.model'}}", params="model: {}"), "`modle` is not a param of go, so this is always null. Did you mean `model`?"),
    "unused_param": (utility(f"{URL}\nquery: {{a: .params.a}}", params="a: {}\nb: {}"), "10:7 the param `b` is not used by anything. Use it (`.params.b`) or remove it"),
    "runtime_owned_param": (utility(f"{URL}\nquery: {{a: .params.limit}}\npaginate: {{style: page}}", params="limit: {}"), "`limit` belongs to the runtime where a utility paginates"),
    "required_with_default": (utility(f"{URL}\nquery: {{a: .params.a}}", params="a: {required: true, default: 1}"), "`a` is required, so its default is never used."),
    "nested_default": (utility(f"{URL}\nquery: {{a: .params.a}}", params="a: {properties: {b: {default: 1}}}"), "a default below the top level is shown to callers, but not put in"),
    "bound_of_another_type": (utility(f"{URL}\nquery: {{a: .params.a}}", params="a: {type: string, minimum: 3}"), "9:25 `minimum` says nothing about the type `string`. Remove it: say a length in the `description`"),
    "unset_url_param": (utility("url: https://api.example.com/{a}", params="a: {}"), "the url needs `a`, which a caller may leave out. Add `required: true` or a default"),
    "undeclared_setting": (utility(f"{URL}\nheaders: {{T: .settings.titel}}", above="settings: {title: {default: x}}"), "`titel` is not among the `settings`, so this is always null. Did you mean `title`?"),
    "mapping_and_returns": (utility(f"{URL}\nresponse: {{mapping: {{contnt: .c}}}}", more="returns: {content: string}"), "`contnt` is not among the `returns`. Did you mean `content`?"),
    "misspelt_returns": (utility(URL, more="returns: viod"), "`viod` is read as the name of an entity. Did you mean `void`?"),
    "raw_and_jq": (utility(f"{URL}\nresponse: {{raw: true, transform: .a}}"), "`transform` is not used, because the answer is handed on raw."),
    "list_for_one": (utility(f"{URL}\nresponse: {{transform: '.items | map({{id}})'}}", more="returns: {id: string}"), "8:14 this is about one value, and `transform` gives a list. Write `returns: array`"),
    "body_without_method": (utility(f"{URL}\nbody: {{a: 1}}"), "a GET with a body is ignored or refused by most servers. Add `method: POST`"),
    "unsafe_retry": (utility(f"{POST}\nretry: {{attempts: 3}}"), "a POST is repeated only when the API promises to do it once."),
    "header_of_auth": (utility(f"{URL}\nheaders: {{authorization: x}}", above="auth: {type: api_key, header: Authorization}"), "`authorization` is overwritten by the credential."),
    "removes_nothing": (utility(f"{URL}\nheaders: {{X-Tema: null}}", above="api: {headers: {X-Team: 1}}"), "`X-Tema: null` takes nothing away: `api.headers` has no `X-Tema`. Did you mean `X-Team`?"),
    "plain_http": (utility("url: http://api.example.com/x"), "http:// can be read and changed on the way. Use https://"),
    "long_tool_name": ("utilities: {" + "g" * 60 + ": {description: x, rest: {url: https://a.example}}}", "characters, so it is left out there. Shorten the name"),
    "missing_description": ("utilities: {go: {rest: {url: https://a.example}}}", "`go` has no description. Add one"),
    "unused_credential": (utility(URL, above="auth: {credentials: {default: {type: basic}, b: {type: basic}}}"), "no utility carries the credential `b`."),
}  # fmt: skip


@pytest.mark.parametrize("rule", WARNED)
def test_a_rule_warns_where_it_applies(rule: str) -> None:
    front, expected = WARNED[rule]
    assert texts(front) == []
    assert any(expected in text for text in texts(front, "warning")), texts(front, "warning")


def test_every_rule_has_its_example() -> None:
    assert {rule.__name__ for rule in RULES} == WARNED.keys()


@pytest.mark.parametrize("key", [KEY, "ghp_" + "a1" * 18, "AKIA" + "A1" * 8, "Bearer " + "abcdef0123456789" * 2])
def test_a_secret_in_the_front_matter_is_an_error_that_does_not_repeat_it(key: str) -> None:
    result = load(utility(f"{URL}\nheaders: {{Authorization: '{key}'}}"))
    assert [p.message for p in result.problems if p.severity == "error"] == [
        "this looks like a secret, and skill files are shared"
    ]
    assert key.split()[-1] not in str(result.problems)


def test_a_secret_in_the_markdown_is_a_warning() -> None:
    result = load_bytes(f"---\nid: a\nname: A\ndescription: x\n---\nuse {KEY}\n".encode())
    assert result.skill is not None
    assert [str(w.place.position) for w in result.skill.warnings] == ["demo/readme.md:6:5"]


@pytest.mark.parametrize(
    "front",
    [
        utility(f"{URL}\nquery: {{q: '.params | tojson'}}", params="a: {}"),
        utility(f"{URL}\nquery: {{a: all_of}}", params="a: {}", above="definitions: {all_of: '.params.a'}"),
        utility("url: https://api.example.com/x?q={a}", params="a: {}"),
        utility("url: http://localhost:11434/api"),
        utility("url: http://127.0.0.1:9000/api"),
        utility(f"{URL}\nresponse: {{transform: '.params.x'}}"),
        utility(f"{URL}\nresponse: {{transform: '$params.a'}}", params="a: {}"),
        utility(f"{URL}\nheaders: {{A: 'Bearer <YOUR_KEY>'}}"),
        utility(f"{POST}\nretry: {{attempts: 3, idempotency_header: Idempotency-Key}}"),
        utility(f"{POST}\nbody: {{a: '.params.any'}}", more="additional_params: true"),
        utility(URL, more="returns: task[]"),
    ],
)
def test_what_is_meant_is_not_warned_of(front: str) -> None:
    assert texts(front) + texts(front, "warning") == []


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("a: no", "`no` is sent as the text 'no'. Write `false` when a boolean is meant, or quote it"),
        ("a: True", "`True` is sent as the text 'True'. Write `true`"),
        ("a: 1.10", '`1.10` is a number and is sent as 1.1. Write it in quotes when text is meant: "1.10"'),
        ("a: 'x | y'", "this is sent as text as it stands, but looks as if jq was meant."),
    ],
)
def test_a_value_that_surprises_is_warned_of(body: str, expected: str) -> None:
    assert any(expected in text for text in texts(utility(f"{POST}\nbody: {{{body}}}"), "warning"))
    assert texts(utility(f"{POST}\nbody: {{a: 'no', b: '1.10'}}"), "warning") == []


def test_a_field_that_is_kept_null_must_exist() -> None:
    front = utility(f"{POST}\nbody: {{content: null}}\nkeep_null: [contnt]")
    assert any(
        "`contnt` is no field of this request. Did you mean `content`?" in text for text in texts(front, "warning")
    )


def test_a_missing_icon_and_an_unknown_platform_are_warnings() -> None:
    result = load("icon: icn.svg\nplatforms: [macosx]", siblings=("icon.svg",))
    assert result.skill is not None
    assert [f"{w.message}. {w.fix}" for w in result.skill.warnings] == [
        "there is no file icn.svg beside the manifest. Did you mean `icon.svg`?",
        "`macosx` is no platform that the runtime knows. Did you mean `macos`?",
    ]
