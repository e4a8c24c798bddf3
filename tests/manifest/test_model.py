"""What an author wrote becomes what a call needs."""

# ruff: noqa: E501  (a row of a table is one line)

from dataclasses import replace
from pathlib import Path

import pytest

from agentos_runtime.jsontext import Json
from agentos_runtime.manifest.model import (
    Auth,
    AuthField,
    AuthTemplate,
    Fields,
    Items,
    Jq,
    Literal,
    Login,
    Node,
    PlainPath,
    Position,
    Retry,
    TemplateParam,
    UrlTemplate,
)
from tests.manifest.loading import go as one
from tests.manifest.loading import good, load, utility

URL = "url: https://api.example.com/x\nmethod: POST"
PARAMS = "a: {type: string, required: true}\nb: {type: string}"


def plain(node: Node | None) -> object:
    """A node without its places."""
    if isinstance(node, Fields):
        return {name: plain(below) for name, below in node.entries}
    if isinstance(node, Items):
        return [plain(below) for below in node.entries]
    if isinstance(node, PlainPath):
        return ("path", *node.steps)
    if isinstance(node, Jq):
        return ("jq", node.source, *sorted(node.auth_fields))
    if isinstance(node, UrlTemplate):
        return (
            "url",
            *(f"+{p.name}" if p.keep_slashes else p.name for p in node.parts if isinstance(p, TemplateParam)),
        )
    return node.value if node else None


def auth_of(written: str, rest: str = URL) -> Auth:
    return next(iter(good(utility(rest, above=f"auth: {written}")).auth.values()))


def test_a_body_is_walked_and_each_string_read_once() -> None:
    body = """
    {model: .params.a, stream: false, n: 30, kind: full, q: '.params.b // "x"', deep: [.params.b, {x: note}, null],
     hook: "https://h.example/{a}/{+b}", other: "/regex{2}", text: "hello"}
    """
    assert plain(one(f"{URL}\nbody: {body.strip()}", params=PARAMS).rest.body) == {
        "model": ("path", "params", "a"),
        "stream": False,
        "n": 30,
        "kind": "full",
        "q": ("jq", '.params.b // "x"'),
        "deep": [("path", "params", "b"), {"x": "note"}, None],
        "hook": ("url", "a", "+b"),
        "other": "/regex{2}",
        "text": "hello",
    }


def test_numbers_in_headers_and_query_are_sent_as_they_are_written() -> None:
    rest = one(
        f"{URL}\nheaders: {{V: 1.10, D: 2023-06-01, E: true}}\nquery: {{v: 1.10, l: [1.0, 2], n: null}}"
    ).rest
    assert plain(rest.headers) == {"V": "1.10", "D": "2023-06-01", "E": True}
    assert plain(rest.query) == {"v": "1.10", "l": ["1.0", "2"], "n": None}


def test_a_whole_body_may_be_one_expression() -> None:
    assert plain(one(f"{URL}\nbody: '.params | {{a}}'", params=PARAMS).rest.body) == ("jq", ".params | {a}")


def test_a_defined_name_makes_a_string_jq() -> None:
    above = "definitions: {'shout($x)': '$x | ascii_upcase', plain: .}"
    skill = good(utility(f"{URL}\nbody: {{a: 'shout(.params.a)', b: shouting}}", above=above, params=PARAMS))
    assert plain(skill.utilities["go"].rest.body) == {"a": ("jq", "shout(.params.a)"), "b": "shouting"}
    assert skill.definitions == "def shout($x): $x | ascii_upcase\n;\ndef plain: .\n;\n"


@pytest.mark.parametrize(
    ("url", "above", "expected"),
    [
        ("https://api.example.com/x", "", Literal("https://api.example.com/x")),
        ("/x", "api: {base_url: https://api.example.com/v1/}", Literal("https://api.example.com/v1/x")),
        ("/x/{a}?q={b}", "api: {base_url: https://api.example.com}", ("https://api.example.com/x/", TemplateParam("a"), "?q=", TemplateParam("b"))),
        ("https://api.example.com/{+a}", "", ("https://api.example.com/", TemplateParam("a", True))),
    ],
)  # fmt: skip
def test_a_url_is_absolute_once_the_file_is_loaded(url: str, above: str, expected: object) -> None:
    found = one(f"url: '{url}'\nquery: {{x: .params.a, y: .params.b}}", above=above, params=PARAMS).rest.url
    assert (found.parts if isinstance(found, UrlTemplate) else found) == expected


def test_a_jq_url_keeps_a_literal_origin_also_after_a_base_url() -> None:
    above = "api: {base_url: https://api.example.com/v1}"
    url = one("url: '\"/x/\\(.params.a|@uri)\"'", above=above, params="a: {type: string}").rest.url
    assert isinstance(url, Jq)
    assert (url.base, url.source) == ("https://api.example.com/v1", '"/x/\\(.params.a|@uri)"')


def test_a_login_stands_beside_the_place_of_the_key_and_is_what_oauth_2_says_where_it_says_nothing() -> None:
    urls = "authorize_url: https://a.example/a, token_url: https://a.example/t"
    plain = Login("https://a.example/a", "https://a.example/t")
    short = auth_of(f"{{type: api_key, header: X-Key, login: {{{urls}}}}}")
    assert (short.kind, short.fields, short.login) == ("api_key", ("key",), plain)
    oauth = auth_of(f"{{type: oauth, {urls}, client_id: c, scopes: [s, t]}}")
    assert oauth.login == replace(plain, client_id="c", scopes=("s", "t"))
    own = "callback: http://localhost:3000/cb, callback_param: callback_url, encoding: json, token_field: key"
    assert auth_of(f'{{header: {{X-Key: "{{key}}"}}, login: {{{urls}, {own}}}}}').login == Login(
        plain.authorize_url,
        plain.token_url,
        callback="http://localhost:3000/cb",
        callback_param="callback_url",
        encoding="json",
        token_field="key",
    )
    assert auth_of("{type: api_key, header: X-Key}").login is None
    warned = good(utility(URL, above=f"auth: {{type: oauth, {urls}, pkce: false}}")).warnings
    assert [each.message for each in warned] == ["a login always uses PKCE"]


KEY = AuthField("key")
BEARER = AuthTemplate("header", "Authorization", ("Bearer ", KEY))


@pytest.mark.parametrize(
    ("written", "kind", "fields", "templates"),
    [
        ('{type: api_key, header: Authorization, prefix: "Bearer ", label: K}', "api_key", ("key",), (BEARER,)),
        ("{type: api_key, query: api_key}", "api_key", ("key",), (AuthTemplate("query", "api_key", (KEY,)),)),
        ('{type: basic, password: ""}', "basic", ("username",), (AuthTemplate("header", "Authorization", ("Basic ", AuthField("username:", True))),)),
        ('{type: basic, username: ""}', "basic", ("password",), (AuthTemplate("header", "Authorization", ("Basic ", AuthField(":password", True))),)),
        ("{type: basic}", "basic", ("username", "password"), (AuthTemplate("header", "Authorization", ("Basic ", AuthField("username:password", True))),)),
        (
            '{header: {X-API-Key: "{token}"}, query: {org: "o-{org}"}, body: {t: "{token}"}, optional: true}',
            "template",
            ("token", "org"),
            (
                AuthTemplate("header", "X-API-Key", (AuthField("token"),)),
                AuthTemplate("query", "org", ("o-", AuthField("org"))),
                AuthTemplate("body", "t", (AuthField("token"),)),
            ),
        ),
        (
            "{type: oauth, authorize_url: https://a.example/a, token_url: https://a.example/t, client_id: c, scopes: [s], pkce: true}",
            "oauth",
            ("access_token",),
            (AuthTemplate("header", "Authorization", ("Bearer ", AuthField("access_token"))),),
        ),
    ],
)  # fmt: skip
def test_every_form_of_auth_becomes_fields_and_places(
    written: str, kind: str, fields: tuple[str, ...], templates: tuple[AuthTemplate, ...]
) -> None:
    auth = auth_of(written)
    assert (auth.name, auth.kind, auth.fields, auth.templates) == ("default", kind, fields, templates)
    assert auth.optional == ("optional" in written)


@pytest.mark.parametrize("written", ["none", "{type: none}"])
def test_no_auth_is_no_credential(written: str) -> None:
    skill = good(utility(URL, above=f"auth: {written}"))
    assert (skill.auth, skill.utilities["go"].credential) == ({}, None)


def test_older_manifests_place_the_key_by_expression() -> None:
    auth = auth_of(
        "{type: api_key, label: K}", f"{URL}\nquery: {{token: .auth.key, s: '.auth[\"secret\"] | @base64'}}"
    )
    assert (auth.kind, auth.fields, auth.templates) == ("expressions", ("key", "secret"), ())
    query = one(f"{URL}\nquery: {{t: .auth.key}}", above="auth: {type: api_key}").rest.query
    assert plain(query) == {"t": ("jq", ".auth.key", "key")}


def test_a_utility_picks_its_credential() -> None:
    above = """
    auth:
      credentials:
        default: {type: api_key, header: Authorization}
        management: {type: api_key, header: X-Management}
    """
    assert one(URL, above=above, more="credential: management").credential == "management"
    assert one(URL, above=above).credential == "default"
    assert one(URL, above=above, more="auth: none").credential is None


def test_the_only_credential_is_carried_whatever_its_name() -> None:
    assert one(URL, above="auth: {credentials: {main: {type: basic}}}").credential == "main"


def test_the_answer_s_keys_become_expressions_pointers_and_words() -> None:
    rest = one(
        URL
        + """
response: {error: .error, root: /data/a~1b/~0, transform: '{a: .x}', mapping: {a: .a, b: .b?}, raw: false}
stream: {body: {stream: true}, delta: .d, error: 'false', done: "[DONE]", end: .done, reply: '{a}', accumulate: list, format: ndjson, idle_timeout: 5}
retry: {attempts: 3, idempotency_header: Idempotency-Key}
poll: {url: .polling_url, until: .done, failed: .failed, interval: 1, deadline: 9}
keep_null: [a]
body: {a: null}
body_extra: .params.extra
encoding: form
timeout: 9
""",
        params="extra: {type: object}",
    ).rest
    response, stream, poll = rest.response, rest.stream, rest.poll
    assert response.root == ("data", "a/b", "~")
    assert plain(response.error) == ("path", "error")
    assert plain(response.transform) == ("jq", "{a: .x}")
    assert [(name, plain(value)) for name, value in response.mapping] == [
        ("a", ("path", "a")),
        ("b", ("jq", ".b?")),
    ]
    assert stream is not None
    assert stream.error == Literal(False)
    assert (plain(stream.body), plain(stream.delta), plain(stream.end), plain(stream.reply)) == (
        {"stream": True}, ("path", "d"), ("path", "done"), ("jq", "{a}"),
    )  # fmt: skip
    assert (stream.done, stream.accumulate, stream.format, stream.idle_timeout) == ("[DONE]", "list", "ndjson", 5)
    assert rest.retry == Retry(3, "Idempotency-Key")
    assert poll is not None
    assert (plain(poll.url), plain(poll.until), plain(poll.failed)) == (
        ("path", "polling_url"),
        ("path", "done"),
        ("path", "failed"),
    )
    assert (rest.keep_null, plain(rest.body_extra), rest.encoding, rest.timeout) == (
        frozenset({"a"}), ("path", "params", "extra"), "form", 9,
    )  # fmt: skip


def test_pages_become_pointers_and_numbers_and_the_rows_are_the_reply() -> None:
    rest = one(
        URL + "\npaginate: {style: page, items: /data, limit: per_page, size: 10, maximum: 50, start: 0}"
    ).rest
    paginate = rest.paginate
    assert paginate is not None
    assert (paginate.style, paginate.position, paginate.limit, paginate.items) == (
        "page",
        Position("query", "page"),
        Position("query", "per_page"),
        ("data",),
    )
    assert (paginate.size, paginate.maximum, paginate.next) == (10, 50, None)
    assert (paginate.start, rest.response.root) == (0, ("data",))
    own = one(URL + "\nresponse: {transform: .rows}\npaginate: {style: offset, items: /data}").rest
    assert own.response.root is None


@pytest.mark.parametrize(
    ("returns", "schema", "void"),
    [
        ("void", {"type": "null"}, True),
        ("array", {"type": "array"}, False),
        ("string", {"type": "string"}, False),
        ("entity", {"type": "object", "title": "entity"}, False),
        ("task[]", {"type": "array", "items": {"type": "object", "title": "task"}}, False),
        ("any", None, False),
        (
            "{a: string, b: any}",
            {"type": "object", "properties": {"a": {"type": ["string", "null"]}, "b": {}}},
            False,
        ),
        (
            "{s: {type: string, enum: [x]}, u: {type: object, properties: {n: integer}}, l: {type: array, items: string}}",
            {
                "type": "object",
                "properties": {
                    "s": {"type": ["string", "null"], "enum": ["x", None]},
                    "u": {"type": ["object", "null"], "properties": {"n": {"type": ["integer", "null"]}}},
                    "l": {"type": ["array", "null"], "items": {"type": "string"}},
                },
            },
            False,
        ),
    ],
)
def test_returns_becomes_a_schema_in_which_null_is_always_allowed(returns: str, schema: Json, void: bool) -> None:
    found = one(URL, more=f"returns: {returns}")
    assert (found.returns, found.void) == (schema, void)
    assert (found.reply_shape is None) == (void or schema is None)


@pytest.mark.parametrize(
    ("method", "written", "effect"),
    [
        ("GET", "", "read"),
        ("HEAD", "", "read"),
        ("DELETE", "", "destroy"),
        *((method, "", "write") for method in ("POST", "PUT", "PATCH")),
        ("POST", "effect: read", "read"),
        ("GET", "effect: destroy", "destroy"),
        ("DELETE", "effect: write", "write"),
    ],
)
def test_a_call_does_what_its_author_says_or_what_its_method_lets_expect(
    method: str, written: str, effect: str
) -> None:
    found = load(utility(f"url: https://api.example.com/x\nmethod: {method}", more=written))
    assert found.skill is not None
    assert (found.skill.utilities["go"].effect, found.skill.warnings) == (effect, ())


@pytest.mark.parametrize("method", ["DELETE", "PUT", "PATCH"])
def test_a_changing_method_that_only_reads_is_a_warning_at_its_effect(method: str) -> None:
    found = load(utility(f"url: https://api.example.com/x\nmethod: {method}", more="effect: read"))
    assert found.skill is not None
    assert found.skill.utilities["go"].effect == "read"
    (warning,) = found.skill.warnings
    assert (warning.place.key, warning.message) == (
        "utilities.go.effect",
        f"a {method} that only reads is unusual, and what only reads may be called without asking anybody",
    )


def test_params_become_a_published_schema() -> None:
    params = """
    a: {type: string, required: true, description: The a, example: x}
    l: {type: array, items: {type: object, properties: {r: {type: string, required: true}, o: {enum: [x]}}}}
    """
    assert one(f"{URL}\nbody: .params", params=params).params == {
        "type": "object",
        "properties": {
            "a": {"type": "string", "description": "The a", "examples": ["x"]},
            "l": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {"r": {"type": "string"}, "o": {"enum": ["x", None]}},
                    "required": ["r"],
                },
            },
        },
        "required": ["a"],
        "additionalProperties": False,
    }


def test_what_a_skill_says_of_itself_is_kept() -> None:
    result = load(
        "icon: icon.svg\ncolor: '#abc'\nplatforms: [linux]\ndomains: [api.example.com, '*.example.com']\n"
        "settings: {title: {default: Demo}, other: {description: x}}\ncredits: Me\nversion: 1.0.0\n"
        "seed: [{id: a, types: [t], name: A, data: {x: 1}}]\nconnects_to: [a]\ninstructions: Be kind",
        siblings=("icon.svg",),
    )
    skill = result.skill
    assert skill is not None
    assert skill.warnings == ()
    assert (skill.icon, skill.color, skill.platforms) == (Path("demo/icon.svg"), "#abc", ("linux",))
    assert skill.domains == ("api.example.com", "*.example.com")
    assert skill.settings == {"title": "Demo", "other": None}
    assert skill.extras == {"credits": "Me", "version": "1.0.0"}
    assert (skill.connects_to, skill.instructions) == (["a"], "Be kind")
    assert len(skill.digest) == 64
