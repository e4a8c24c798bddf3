"""What people write who know other formats is named where it stands, with this language's own word."""

# ruff: noqa: E501  (a row of a table is one line)

import pytest

from agentos_runtime.manifest.mistakes.rules import RULES
from tests.manifest.loading import HEAD, load, load_bytes, texts, utility

URL = "url: https://api.example.com/x"
Q = "q: {type: string, required: true}"


def go(rest: str = URL, **parts: str) -> str:
    return utility(rest, **parts)


PARAMS = [
    *("params.q", "'{{ q }}'", "'{{params.q}}'", "'${q}'", "'${params.q}'", "'$q'", "':q'", "'<q>'", "'#{q}'", "'%(q)s'"),
    *("'{q}'", "'{params.q}'", "'{.params.q}'", "$.params.q", "input.q", "'$input.q'", "'@q'", "'%q%'", ".args.q", ".q", ".Params.q"),
]  # fmt: skip


@pytest.mark.parametrize("written", PARAMS)
def test_a_param_in_another_language_is_named_where_it_stands_and_nowhere_else(written: str) -> None:
    front = go(f"{URL}\nquery: {{a: {written}}}", params=Q)
    [found] = [*texts(front), *texts(front, "warning")]
    assert found.startswith(("12:18 ", "12:19 "))
    assert found.endswith("Write `.params.q`")


@pytest.mark.parametrize("written", ["find {{q}} now", "find {q} now", "find ${q} now"])
def test_a_param_in_the_middle_of_a_text_is_rewritten_as_jq(written: str) -> None:
    [found] = texts(go(f"{URL}\nquery: {{a: '{written}'}}", params=Q), "warning")
    assert found.startswith("12:24 ")
    assert found.endswith("""Write '"find \\(.params.q) now"'""")


@pytest.mark.parametrize("written", ["{{q}}", ":q", "<q>", "${q}", "{params.q}", ".params.q", "$q", "{.params.q}"])
def test_a_param_of_a_url_in_another_language_is_named_where_it_stands(written: str) -> None:
    [found] = texts(go(f"url: https://a.example/{written}", params=Q))
    assert found.startswith("11:30 ")
    assert found.endswith("Write {q}")


@pytest.mark.parametrize(
    "text",
    ["Mozilla/5.0 (a; b)", "a: {b}", "<p>hi</p>", "10:30", "$5", "100%", "x@y.example", "{ id }", "query.json"],
)
def test_texts_that_only_look_alike_are_left_alone(text: str) -> None:
    found = texts(go(f"{URL}\nheaders: {{X-A: 'v {text}'}}\nquery: {{a: .params.q}}", params=Q))
    assert found == []


def test_graphql_with_fields_and_variables_named_like_params_is_left_alone() -> None:
    body = "'query($q: ID!) { user(id: $q) { q name } }'"
    front = go(f"method: POST\n{URL}\nbody: {{query: {body}, variables: {{q: .params.q}}}}", params=Q)
    assert (texts(front), texts(front, "warning")) == ([], [])


VARIABLES = ["'${API_KEY}'", "env.API_KEY", "process.env.API_KEY"]


@pytest.mark.parametrize("written", VARIABLES)
def test_a_variable_of_the_environment_is_refused_where_it_stands(written: str) -> None:
    [found] = texts(go(f"{URL}\nheaders: {{X-A: {written}}}"))
    assert found.startswith(("10:2", "10:3"))
    assert "reads no environment variables" in found


@pytest.mark.parametrize("written", ["'key ${API_KEY}'", "'x $API_KEY'"])
def test_a_variable_in_the_middle_of_a_text_is_a_warning_where_it_stands(written: str) -> None:
    front = go(f"{URL}\nheaders: {{X-A: {written}}}")
    [found] = texts(front, "warning")
    assert (texts(front), "reads no environment variables" in found) == ([], True)


def test_a_pattern_between_percent_signs_is_a_text() -> None:
    front = go(f"{URL}\nheaders: {{X-A: \"like '%PLAN%'\"}}")
    assert (texts(front), texts(front, "warning")) == ([], [])


VALUES = {
    ("type: {}", "string"): "str text uuid date email",
    ("type: {}", "integer"): "int int32 int64 long Integer",
    ("type: {}", "number"): "float double decimal",
    ("type: {}", "boolean"): "bool Boolean",
    ("type: {}", "array"): "list tuple",
    ("type: {}", "object"): "dict map json",
}


@pytest.mark.parametrize(("written", "meant"), [(w, m) for (_, m), words in VALUES.items() for w in words.split()])
def test_a_type_of_another_language_has_its_name_here(written: str, meant: str) -> None:
    [found] = texts(go(f"{URL}\nquery: {{a: .params.q}}", params=f"q: {{type: {written}}}"))
    assert found.startswith("9:17 ")
    assert found.endswith(f"Did you mean `{meant}`?")
    [returned] = texts(go(more=f"returns: {{a: {written}}}"))
    assert returned.startswith("8:18 ")
    assert returned.endswith(f"Did you mean `{meant}`?")


RETURNS = {"list": "array", "dict": "object", "str": "string", "int": "integer", "bool": "boolean", "float": "number", "None": "void", "json": "object", "String": "string", "string[]": "array", "List": "array"}  # fmt: skip


@pytest.mark.parametrize("written", RETURNS)
def test_returns_in_another_language_is_no_name_of_an_entity(written: str) -> None:
    front = go(more=f"returns: '{written}'")
    [found] = texts(front)
    assert found.startswith("8:14 ")
    assert f"Write `{RETURNS[written]}`" in found
    assert texts(front, "warning") == []


@pytest.mark.parametrize("entity", ["paper", "paper[]", "file", "message", "Thing"])
def test_an_entity_keeps_its_name(entity: str) -> None:
    assert texts(go(more=f"returns: {entity}")) == []


FIXES = {
    "auth: bearer": "5:7 `auth` is `bearer`; it must be `none`. Write `auth: {type: api_key, header: Authorization, prefix: \"Bearer \"}`",
    "auth: basic": "Write `auth: {type: basic}`",
    "auth: {type: jwt}": "5:14 `type` is `jwt`; it must be one of none, api_key, basic, oauth, template. Write `type: api_key` with `header: Authorization, prefix: \"Bearer \"`",
    "auth: {type: oauth2}": "Did you mean `oauth`?",
    "auth: [{type: basic}]": "Write one value, without the list around it",
    "auth: {type: api_key, header: Authorization, prefix: Bearer}": '5:54 `Bearer` is sent right before the key, without a space between them. Write it in quotes, with a space at its end: prefix: "Bearer "',
    "auth: {type: api_key, header: Authorization, prefix: token}": '5:54 `token` is sent right before the key',
    "auth: {header: {Authorization: 'Bearer{token}'}}": "5:32 `Bearer` is sent right before the key, without a space between them. Write a space after `Bearer`",
    "color: #111827": 'Write it in quotes, else `#` begins a comment: "#111827"',
    "api: {base_url: 'https://u:p@api.example.com'}": "5:17 this url contains a user name or password; say it under `auth`. Remove it from here",
    "api: {base_url: '${API}/v1'}": "Write the value itself",
}  # fmt: skip


@pytest.mark.parametrize("above", FIXES)
def test_a_mistake_above_the_utilities_has_its_fix(above: str) -> None:
    found = texts(go("url: https://a.example/x" if "api:" not in above else "url: /x", above=above))
    assert any(FIXES[above] in text for text in found), found
    assert len(found) == 1, found


RESTS = {
    "encoding: urlencoded": "`form`",
    "encoding: form-data": "`multipart`",
    "encoding: application/json": "`json`",
    "encoding: xyz": "Write one of json, form, multipart, text, binary",
    "method: remove": "`DELETE`",
    "stream: {format: jsonl, delta: .}": "`ndjson`",
    "paginate: {style: next_token}": "`cursor`",
    "headers: 'X-A: b'": "Write a map: `headers: {X-A: b}`",
    "headers: ['X-A: b']": "Write a map: `headers: {X-A: b}`",
    "headers: [{X-A: b}]": "remove the `- ` before each key, `X-A: …`",
    "headers: [{name: X-A, value: b}]": "its `name` is the key, `X-A: …`",
    "verb: POST": "`method`",
    "payload: {a: 1}": "`body`",
    "response: {jq: .a}": "`transform`",
    "timeout: 30s": "Write 30: it counts seconds",
}


@pytest.mark.parametrize("rest", RESTS)
def test_a_word_of_another_format_has_its_own_here(rest: str) -> None:
    [found] = texts(go(f"{URL}\n{rest}"))
    assert RESTS[rest] in found


@pytest.mark.parametrize(("said", "meant"), [("readonly", "read"), ("update", "write"), ("delete", "destroy")])
def test_an_effect_in_other_words_has_its_own_here(said: str, meant: str) -> None:
    [found] = texts(go(more=f"effect: {said}"))
    assert found.endswith(f"Did you mean `{meant}`?")


@pytest.mark.parametrize("key", ["utilites", "Utilities", "utility", "tools", "functions", "endpoints"])
def test_a_misspelt_key_that_leaves_nothing_to_call_is_an_error(key: str) -> None:
    front = f"{key}:\n  go:\n    description: x\n    rest: {{{URL}}}"
    assert texts(front) == [
        f"5:1 `{key}` is not a key of a manifest, and nothing is left to call. Did you mean `utilities`?"
    ]


def test_a_misspelt_key_is_shown_and_not_that_the_right_one_is_missing() -> None:
    front = go().replace("rest:", "rset:")
    assert [text.split(".")[0] for text in texts(front)] == ["8:5 `rset` is not a key of `go`"]
    head = HEAD.replace("name:", "nmae:")
    assert [p.message for p in load(go(), head=head).problems] == ["`nmae` is not a key of a manifest"]


TORN = {
    "id: a\nname: A\nutilities: {}\n---\n": (1, "the front matter has no line `---` before it"),
    "\n\nid: a\nname: A\n": (3, "the front matter has no line `---` before it"),
    "----\nid: a\nname: A\n---\n": (1, "`----` does not begin front matter"),
    "—\nid: a\n---\n": (1, "`—` does not begin front matter"),
    "```yaml\nid: a\nname: A\n```\n": (1, "````yaml` does not begin front matter"),
    "# A\n\n---\nid: a\nutilities: {}\n---\n": (1, "the keys of a skill stand further down, and this is no line `---`"),
    "---\nid: a\nname: A\n----\n# A\n": (4, "`----` does not end the front matter"),
    "---\nid: a\nname: A\n # A\n": (1, "the front matter begins here and never ends"),
}  # fmt: skip


@pytest.mark.parametrize("text", TORN)
def test_front_matter_without_its_lines_is_an_error_at_the_line_that_should_be_one(text: str) -> None:
    line, message = TORN[text]
    assert [(p.place.position.line, p.message) for p in load_bytes(text.encode()).problems] == [(line, message)]


@pytest.mark.parametrize(
    "text",
    ["# A\n\nid: 5\n\ntext\n", "Name: A\n\n---\n", "```\nid: a\nutilities: {}\n```\n", "about: this\n\nname: it\n"],
)
def test_plain_markdown_stays_plain_markdown(text: str) -> None:
    assert load_bytes(text.encode()).problems == ()


QUOTES = {
    "transform: [.a[] | {id}]": "must stand in quotes: without them YAML reads a list. Put the whole value in single quotes: `transform: '[.a[] | {id}]'`",
    "transform: 'a: 'b''": "the `'` before it ends the text that began with `'`. A quote inside quotes is doubled: write `''`",
    'transform: "a: "b""': 'Write `\\"` inside double quotes',
    'transform: "a" + .b': "Put the whole value in single quotes",
    "root: {{items}}": "`{{items}}` is not how a param is written here",
    "transform: {a: ${items}}": "Write `.params.items`",
}  # fmt: skip


@pytest.mark.parametrize("written", QUOTES)
def test_missing_and_inner_quotes_are_explained(written: str) -> None:
    [found] = texts(go(f"{URL}\nresponse:\n  {written}"))
    assert found.startswith("11:")
    assert QUOTES[written] in found


RULED = {
    "returns_of_another_language": (go(more="returns: list"), "`list` is no type here"),
    "scheme_without_space": (go(f"{URL}\nheaders: {{A: '\"Bearer\" + .auth.key'}}", above="auth: {type: api_key}"), 'Write "Bearer " with a space'),
    "query_given_twice": (go(f"{URL}?a=1\nquery: {{a: 2}}"), "10:15 `a` stands in the url too, so it is sent twice"),
    "query_without_its_mark": (go(f"{URL}&a=1"), "no `?` begins the query of this url"),
    "query_of_auth": (go(f"{URL}\nquery: {{key: x}}", above="auth: {type: api_key, query: key}"), "`key` is overwritten by the credential"),
    "path_to_nowhere": (go(f"{URL}\nquery: {{a: .param.q}}", params=Q), "`.param.q` is always null"),
    "params_in_answer": (go(f"{URL}?q={{q}}\nresponse: {{transform: '.a + .params.q'}}", params=Q), "12:35 `.params.q` asks the answer"),
    "environment_in_jq": (go(f"{URL}\nquery: {{a: $ENV.HOME}}"), "`$ENV.HOME` is always null"),
}  # fmt: skip


@pytest.mark.parametrize("rule", RULED)
def test_a_rule_finds_what_it_is_for(rule: str) -> None:
    front, expected = RULED[rule]
    found = [*texts(front), *texts(front, "warning")]
    assert any(expected in text for text in found), found


def test_every_rule_has_its_example() -> None:
    assert {rule.__name__ for rule in RULES} == RULED.keys()


def test_a_follow_up_of_an_error_in_the_same_utility_is_not_shown() -> None:
    front = go("metod: POST\nurl: https://a.example/x\nbody: {a: 1}", params="b: {}")
    assert (len(texts(front)), texts(front, "warning")) == (1, [])


MACHINE = "type: oauth, grant: client_credentials, token_url: 'https://a.example/t'"
CLIENTS = [
    ("type: oauth, token_url: 'https://a.example/t'", "5:1", "OAuth needs `authorize_url`", "or `grant: client_credentials`"),
    (f"{MACHINE}, authorize_url: 'https://a.example/a'", "5:82", "nobody logs in, so `authorize_url` means nothing", "Remove"),
    (f"{MACHINE}, client_secret: abc", "5:82", "`client_secret` is not a key", "`client_auth: basic`"),
    (f"{MACHINE}, client_auth: client_secret_post", "5:95", "`client_auth` is `client_secret_post`", "`body`"),
    (f"{MACHINE}, token_endpoint_auth_method: basic", "5:82", "`token_endpoint_auth_method` is not a key", "`client_auth`"),
    ("type: oauth, grant: machine_to_machine, token_url: 'https://a.example/t'", "5:28", "`grant` is `machine_to_machine`", "`client_credentials`"),
    ("type: oauth, grant_type: client_credentials, token_url: 'https://a.example/t'", "5:21", "`grant_type` is not a key", "`grant`"),
    ("type: client_credentials, token_url: 'https://a.example/t'", "5:14", "`type` is `client_credentials`", "grant: client_credentials"),
    ("type: api_key, header: X-Key, grant: client_credentials", "5:38", "`grant` belongs to `type: oauth`", "type: oauth"),
    (f"{MACHINE}, header: {{X-T: '{{token}}'}}", "5:82", "`{token}` is none of it", "{access_token}"),
    (f"{MACHINE}, client_id: me, header: {{A: '{{access_token}}', B: '{{client_id}}'}}", "5:97", "`{client_id}` is none", "{access_token}"),
    (f"{MACHINE}, token_params: {{client_secret: x}}", "5:97", "written by the runtime", "Remove it"),
]  # fmt: skip


@pytest.mark.parametrize(("auth", "at", "message", "fix"), CLIENTS)
def test_what_is_said_wrong_of_an_oauth_client_is_named_with_what_to_write(
    auth: str, at: str, message: str, fix: str
) -> None:
    found = texts(f"auth: {{{auth}}}\nutilities:\n  a: {{description: d, rest: {{url: 'https://a.example/x'}}}}")
    [first] = found
    assert first.startswith(f"{at} "), found
    assert message in first
    assert fix in first
