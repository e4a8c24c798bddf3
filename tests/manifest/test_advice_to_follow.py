"""Mistakes whose advice, followed to the letter, has to make a file that passes: and what was read silently otherwise."""

# ruff: noqa: E501  (a row of a table is one line)
import pytest

from agentos_runtime.diagnostics import Problem
from tests.manifest.mistakes import all_problems
from tests.manifest.test_newcomers import SHOP

Edits = tuple[tuple[str, str], ...]
MISTAKES: dict[str, tuple[Edits, list[tuple[str, str, str]]]] = {
    "pag-page-size": (
        (
            (
                "      response:\n        root: /items\n        transform: '[.[] | {id, title}]'",
                "      paginate: {style: page, page_size: 50}\n      response:\n        root: /items\n        transform: '[.[] | {id, title}]'",
            ),
        ),
        [
            ("12:7", "`limit` belongs to the runtime where a utili", "Remove it, unless that is what you want"),
            ("17:31", "`page_size` is not a key of `paginate`", "Did you mean `size`?"),
        ],
    ),
    "pag-cursor-param": (
        (
            (
                "      response:\n        root: /items\n        transform: '[.[] | {id, title}]'",
                "      paginate: {style: cursor, cursor_param: after, next: .next}\n      response:\n        root: /items\n        transform: '[.[] | {id, title}]'",
            ),
        ),
        [
            ("12:7", "`limit` belongs to the runtime where a utili", "Remove it, unless that is what you want"),
            ("17:33", "`cursor_param` is not a key of `paginate`", "Did you mean `position`?"),
        ],
    ),
    "read-only": (
        (("    returns: array", "    returns: array\n    read_only: true"),),
        [("14:5", "`read_only` is not a key of `search`", "Write `effect: read`")],
    ),
    "confirm": (
        (("    returns: {order: string}", "    returns: {order: string}\n    confirm: true"),),
        [
            (
                "26:5",
                "`confirm` is not a key of `buy`",
                "Write `effect: destroy`, or `write`: who asks a person goes by it",
            )
        ],
    ),
    "auth-utility-true": (
        (("    description: Buy a thing", "    description: Buy a thing\n    auth: true"),),
        [
            (
                "22:11",
                "`auth` is `true`; it must be `none`",
                "Remove it: a call carries the skill's credential unless it says `auth:",
            )
        ],
    ),
    "auth-header-map-in-type": (
        (
            (
                'auth: {type: api_key, header: Authorization, prefix: "Bearer "}',
                'auth: {type: api_key, header: {name: Authorization, prefix: "Bearer "}}',
            ),
        ),
        [
            (
                "5:31",
                "what stands under `header` is a map from eac",
                'Write `type: api_key` and `header: Authorization`, with `prefix: "Bear',
            )
        ],
    ),
    "definitions-no-semicolon": (
        (("utilities:\n", "definitions: |\n  def a: .b\nutilities:\n"),),
        [("8:11", "jq: unexpected a name, expecting '|' or ',' ", "End each definition with `;`")],
    ),
    "definitions-broken": (
        (("utilities:\n", "definitions: |\n  def a: .b | map(.;\nutilities:\n"),),
        [("8:20", "jq: unexpected end, expecting ';' or ')'", "Close it with `)`")],
    ),
    "param-name-dash": (
        (
            ("      q: {type: string, required: true}", "      search-text: {type: string, required: true}"),
            ("q: .params.q,", "q: .params.search-text,"),
        ),
        [
            ("11:7", "the name `search-text` must be a name of let", "Write search_text"),
            (
                "16:33",
                "jq: `text` is not defined, neither in jq nor",
                "Write `.search_text`: the names of params and settings have no dashes",
            ),
        ],
    ),
    "param-string-decl": (
        (
            (
                "      q: {type: string, required: true}\n      limit: {type: integer, default: 5}",
                "      q: string (required)\n      limit: integer = 5",
            ),
        ),
        [
            ("11:10", "`q` must be a map, is text", "Write it as a map: `{type: string, required: true}`"),
            ("12:14", "`limit` must be a map, is text", "Write it as a map: `{type: integer, default: 5}`"),
        ],
    ),
    "param-null-decl": (
        (
            (
                "      q: {type: string, required: true}\n      limit: {type: integer, default: 5}",
                "      q:\n      limit:",
            ),
        ),
        [
            ("11:7", "`q` has no value", "Write `q: {type: string}`, or `q: {}` for any value"),
            ("12:7", "`limit` has no value", "Write `limit: {type: string}`, or `limit: {}` for any value"),
        ],
    ),
    "returns-type-str": (
        (("    returns: {order: string}", "    returns: {order: 'string | null'}"),),
        [("25:22", "`order` is `string | null`; it must be one o", "Write `string`: null is always allowed")],
    ),
    "path-and-url": (
        (("      url: /things\n", "      url: https://api.example.com\n      path: /things\n"),),
        [
            (
                "16:7",
                "`path` is not a key of `rest`",
                "`url` is there already: write what it lacks into it, and remove this",
            )
        ],
    ),
    "url-relative-dot": (
        (("url: /things\n", "url: ./things\n"),),
        [
            (
                "15:12",
                "a jq url must begin with a literal origin, s",
                "Write /things: it stands after `api.base_url`",
            )
        ],
    ),
    "api-var": (
        (("api: {base_url: https://api.example.com/v1}", "api: {base_url: 'https://{region}.example.com/v1'}"),),
        [
            (
                "6:17",
                "this url has a param in its host: where a ca",
                "Write the host itself: a skill calls one service",
            )
        ],
    ),
    "rest-string": (
        (
            (
                "    rest:\n      url: /things\n      query: {q: .params.q, limit: .params.limit}\n      response:\n        root: /items\n        transform: '[.[] | {id, title}]'",
                "    rest: GET /things",
            ),
        ),
        [("14:11", "`rest` must be a map, is text", "Write a map: `rest: {url: /things}`")],
    ),
    "query-python": (
        (
            (
                "      query: {q: .params.q, limit: .params.limit}",
                "      query: {q: params['q'], limit: .params.limit}",
            ),
        ),
        [("16:18", "the `[` in this text ends it, since it has n", "Write it in quotes: `q: '.params.q'`")],
    ),
    "query-key-brackets": (
        (
            (
                "      query: {q: .params.q, limit: .params.limit}",
                "      query: {filter[q]: .params.q, limit: .params.limit}",
            ),
        ),
        [("16:15", "the `[` in this key begins a list, since the", 'Write the key in quotes: `"filter[q]": …`')],
    ),
    "resp-data-path": (
        (
            (
                "        root: /items\n        transform: '[.[] | {id, title}]'",
                "        data: /items\n        transform: '[.[] | {id, title}]'",
            ),
        ),
        [("18:9", "`data` is not a key of `response`", "Did you mean `root`?")],
    ),
    "resp-format": (
        (
            (
                "        root: /items\n        transform: '[.[] | {id, title}]'",
                "        format: json\n        root: /items\n        transform: '[.[] | {id, title}]'",
            ),
        ),
        [("18:9", "`format` is not a key of `response`", "Write `as`: json, text, lines, csv, xml, ndjson or any")],
    ),
    "resp-jq-string": (
        (
            (
                "      response:\n        root: /items\n        transform: '[.[] | {id, title}]'",
                "      response: '.items | map({id, title})'",
            ),
        ),
        [
            (
                "17:17",
                "`response` must be a map, is text",
                "Write `response: {transform: '.items | map({id, title})'}`",
            )
        ],
    ),
    "resp-mapping-string": (
        (("        mapping: {order: .order.id}", "        mapping: '{order: .order.id}'"),),
        [
            (
                "31:18",
                "`mapping` must be a map, is text",
                "Remove the quotes around it: `mapping: {order: .order.id}`",
            )
        ],
    ),
    "resp-mapping-at": (
        (("        mapping: {order: .order.id}", "        mapping: {order: '.@id'}"),),
        [
            (
                "31:28",
                'jq: try .["field"] instead of .field for unu',
                'Write `.["@id"]`: a name with such a sign stands in brackets',
            )
        ],
    ),
    "resp-transform-filter": (
        (("        transform: '[.[] | {id, title}]'", "        transform: 'filter(.id > 3)'"),),
        [("19:21", "jq: `filter` with 1 argument is not defined,", "Write `map(select(…))`")],
    ),
    "resp-transform-sort": (
        (("        transform: '[.[] | {id, title}]'", "        transform: 'sort_by(\".id\")'"),),
        [("19:29", '".id" is the same text for every entry, and ', "Write `sort_by(.id)`")],
    ),
    "resp-transform-comment": (
        (("        transform: '[.[] | {id, title}]'", "        transform: '.[] // a comment'"),),
        [
            (
                "19:30",
                "jq: unexpected a name, expecting end",
                "Write `# …` for a remark: `//` takes the other where the first is null",
            )
        ],
    ),
    "resp-error-string": (
        (
            (
                "        mapping: {order: .order.id}",
                "        mapping: {order: .order.id}\n        error: Order failed",
            ),
        ),
        [
            (
                "32:22",
                "jq: unexpected a name, expecting end",
                "This is jq: a path to a field begins with `.`, and a text stands in do",
            )
        ],
    ),
    "resp-error-list": (
        (
            (
                "        mapping: {order: .order.id}",
                "        mapping: {order: .order.id}\n        error: [400, 404]",
            ),
        ),
        [
            (
                "32:16",
                "`error` must be text or true or false, is a ",
                "Remove it: what is no 2xx is a failure by itself; `error` is jq over t",
            )
        ],
    ),
    "resp-success": (
        (("        mapping: {order: .order.id}", "        mapping: {order: .order.id}\n        success: 201"),),
        [("32:9", "`success` is not a key of `response`", "Remove it: every 2xx is a success")],
    ),
    "resp-mapping-date": (
        (("        mapping: {order: .order.id}", "        mapping: {order: '.ts | date(\"%Y\")'}"),),
        [("31:33", "jq: `date` with 1 argument is not defined, n", 'Write `strftime("%Y-%m-%d")`')],
    ),
    "author": (
        (("name: Shop\n", "name: Shop\nauthor: me\n"),),
        [("4:1", "`author` is not a key of a manifest", "Did you mean `credits`?")],
    ),
    "auth-in-api": (
        (
            (
                'auth: {type: api_key, header: Authorization, prefix: "Bearer "}\napi: {base_url: https://api.example.com/v1}',
                "api: {base_url: https://api.example.com/v1, auth: {type: api_key, header: X-Key}}",
            ),
        ),
        [
            (
                "5:45",
                "`auth` is not a key of `api`",
                "Write it at the top, beside `api`: `auth` is said once for the whole s",
            )
        ],
    ),
    "instructions-list": (
        (("name: Shop\n", "name: Shop\ninstructions:\n  - Be nice\n"),),
        [
            (
                "5:3",
                "`instructions` must be text, is a list",
                "Write it as one text: `instructions: |`, and the lines of the text bel",
            )
        ],
    ),
    "utility-string": (
        (("  buy:\n", "  ping: GET /ping\n  buy:\n"),),
        [("20:9", "`ping` must be a map, is text", "Write a map: `ping: {rest: {url: /ping}}`")],
    ),
    "no-space-colon-flow": (
        (("{type: string, required: true}", "{type:string, required:true}"),),
        [("11:11", "`type:string` is not a key of `q`", "Write `type: string`: a `:` needs a space behind it")],
    ),
    "extra-comma": (
        (("{type: string, required: true}", "{type: string,, required: true}"),),
        [("11:24", "there is nothing before this `,`", "Remove one of the commas")],
    ),
    "semicolon": (
        (("{type: string, required: true}", "{type: string; required: true}"),),
        [("11:23", "a `;` parts nothing in YAML", "Write `,`")],
    ),
    "equals": (
        (("      url: /things\n", "      url = /things\n"),),
        [("15:7", "`=` is not how a key and its value are separ", "Write `url: /things`")],
    ),
    "extra-brace": (
        (("{type: string, required: true}", "{type: string, required: true}}"),),
        [("11:40", "there is one `}` too many", "Remove it")],
    ),
    "paren": (
        (("{type: string, required: true}", "(type: string, required: true)"),),
        [("11:10", "`(` opens no map", "Write `{` and `}` in place of the parentheses")],
    ),
    "odd-indent-1": (
        (("      url: /things\n", "       url: /things\n"),),
        [("15:8", "this line is further in than the lines that ", "Begin it with 6 spaces, as they do")],
    ),
    "dedent-query": (
        (("      query: {q", "    query: {q"),),
        [("16:5", "this line is less far in than the lines that", "Begin it with 6 spaces, as they do")],
    ),
    "indent-desc": (
        (("    description: Find things\n", "   description: Find things\n"),),
        [("9:4", "this line is less far in than the lines that", "Begin it with 4 spaces, as they do")],
    ),
    "utilities-indent": (
        (("  search:\n", "search:\n"),),
        [("8:1", "this line is less far in than the lines that", "Begin it with 2 spaces, as they do")],
    ),
    "desc-bracket": (
        (("description: Find things", "description: [beta] Find things"),),
        [("9:18", "`[` begins a list, and text follows behind i", "Put the whole value in quotes")],
    ),
    "desc-brace": (
        (("description: Find things", "description: {beta} Find things"),),
        [("9:18", "`{` begins a map, and text follows behind it", "Put the whole value in quotes")],
    ),
    "uri": (
        (("q: .params.q,", "q: '.params.q | @uri',"),),
        [("16:31", "a query is percent-encoded by itself: with `", "Remove `| @uri`")],
    ),
    "uri-string": (
        (("q: .params.q,", "q: '@uri \"a\\(.params.q)\"',"),),
        [("16:19", "a query is percent-encoded by itself: with `", "Remove `@uri`")],
    ),
    "uri-join-ok": (
        (("q: .params.q,", "q: '[.params.q | @uri] | join(\",\")',"),),
        [],
    ),
    "uri-form": (
        (("      body: {size: .params.size}", "      encoding: form\n      body: {size: '.params.size | @uri'}"),),
        [("30:36", "a form is percent-encoded by itself: with `@", "Remove `| @uri`")],
    ),
    "dollar-brace": (
        (("q: .params.q,", "q: '\"tag:${.params.q}\"',"),),
        [("16:24", "`${.params.q}` is sent as it stands: it is a", "Write `\\(.params.q)`")],
    ),
    "colon-path": (
        (("q: .params.q,", "q: 'tag:.params.q',"),),
        [
            (
                "16:18",
                "this is sent as text as it stands, but looks",
                "Write '\"tag:\\(.params.q)\"': a text of jq stands in double quotes, and ",
            )
        ],
    ),
    "quoted-path": (
        (("        mapping: {order: .order.id}", "        mapping: {order: '\".order.id\"'}"),),
        [("31:27", "`.order.id` in quotes is a text, and no fiel", "Write `.order.id`, without the double quotes")],
    ),
    "plus": (
        (("        mapping: {order: .order.id}", "        mapping: {order: '.a + \" \" .b'}"),),
        [("31:34", "the path behind this text asks the text for ", "Write `+` between them")],
    ),
    "plus-ok": (
        (
            (
                "        mapping: {order: .order.id}",
                '        mapping: {order: \'if .a == "x" then .b else {"a": .c} end | tostring\'}',
            ),
        ),
        [],
    ),
    "textmap": (
        (("      body: {size: .params.size}", "      encoding: text\n      body: {size: .params.size}"),),
        [
            (
                "30:13",
                "a body of `encoding: text` is one text, and ",
                "Write `body: .params.NAME`; names and values are sent with `encoding: ",
            )
        ],
    ),
    "default": (
        (("      limit: {type: integer, default: 5}", "      limit: {type: string, default: .params.q}"),),
        [
            (
                "12:38",
                "a default is a value as it stands: nothing i",
                "Remove it, and say it where the param is used: `.params.limit // …`",
            )
        ],
    ),
    "bodyparams": (
        (("      body: {size: .params.size}", "      body: params"),),
        [("29:13", "`params` is sent as the text 'params'", "Write `.params` for all params as they are given")],
    ),
    "login-key": (
        (
            (
                'auth: {type: api_key, header: Authorization, prefix: "Bearer "}',
                "auth: {type: api_key, header: X-Key, login: https://a.example.com/login}",
            ),
        ),
        [
            (
                "5:45",
                "`login` must be a map, is text",
                "Say both addresses: `login: {authorize_url: https://…, token_url: http",
            )
        ],
    ),
    "oauth-http": (
        (
            (
                'auth: {type: api_key, header: Authorization, prefix: "Bearer "}',
                'auth: {type: oauth, authorize_url: "http://a.example.com/a", token_url: "https://a.example.com/t", client_id: x}',
            ),
        ),
        [("5:36", "a login goes to https:// only, so that no co", "Write https://a.example.com/a")],
    ),
    "cookie-auth": (
        (
            (
                'auth: {type: api_key, header: Authorization, prefix: "Bearer "}',
                "auth: {type: cookie, name: session}",
            ),
        ),
        [
            (
                "5:14",
                "`type` is `cookie`; it must be one of none, ",
                'Remove it, and write the cookie as a header: `header: {Cookie: "NAME={',
            ),
            ("5:22", "`name` is not a key of `auth`", "Write `header: NAME`, or `query: NAME`"),
        ],
    ),
    "auth-body": (
        (
            (
                'auth: {type: api_key, header: Authorization, prefix: "Bearer "}',
                "auth: {type: api_key, body: api_key}",
            ),
        ),
        [("5:29", "`body` must be a map, is text", 'Write `body: {api_key: "{key}"}`, and no `type`')],
    ),
    "auth-digest": (
        (('auth: {type: api_key, header: Authorization, prefix: "Bearer "}', "auth: {type: digest}"),),
        [
            (
                "5:14",
                "`type` is `digest`; it must be one of none, ",
                "Each call would have to be signed, which a skill cannot do: use a toke",
            )
        ],
    ),
    "auth-hmac": (
        (
            (
                'auth: {type: api_key, header: Authorization, prefix: "Bearer "}',
                "auth: {type: hmac, header: X-Signature}",
            ),
        ),
        [
            (
                "5:14",
                "`type` is `hmac`; it must be one of none, ap",
                "Each call would have to be signed, which a skill cannot do: use a toke",
            )
        ],
    ),
}

FOLLOWED: dict[str, Edits] = {
    "auth-body": (
        ('auth: {type: api_key, header: Authorization, prefix: "Bearer "}', 'auth: {body: {api_key: "{key}"}}'),
    ),
    "cookie-auth": (
        (
            'auth: {type: api_key, header: Authorization, prefix: "Bearer "}',
            'auth: {header: {Cookie: "session={key}"}}',
        ),
    ),
    "query-python": (("q: .params.q,", "q: '.params.q',"),),
    "query-key-brackets": (("{q: .params.q,", '{"filter[q]": .params.q,'),),
    "resp-jq-string": (
        (
            "        root: /items\n        transform: '[.[] | {id, title}]'",
            "        transform: '.items | map({id, title})'",
        ),
    ),
    "resp-mapping-at": (("mapping: {order: .order.id}", "mapping: {order: '.[\"@id\"]'}"),),
    "resp-transform-filter": (("transform: '[.[] | {id, title}]'", "transform: 'map(select(.id > 3))'"),),
    "resp-transform-sort": (("transform: '[.[] | {id, title}]'", "transform: 'sort_by(.id)'"),),
    "desc-bracket": (("description: Find things", "description: '[beta] Find things'"),),
    "uri": (("q: .params.q,", "q: '.params.q',"),),
    "uri-string": (("q: .params.q,", "q: '\"a\\(.params.q)\"',"),),
    "dollar-brace": (("q: .params.q,", "q: '\"tag:\\(.params.q)\"',"),),
    "colon-path": (("q: .params.q,", "q: '\"tag:\\(.params.q)\"',"),),
    "plus": (("mapping: {order: .order.id}", "mapping: {order: '.a + \" \" + .b'}"),),
    "textmap": (("      body: {size: .params.size}", "      encoding: text\n      body: .params.size"),),
    "bodyparams": (("      body: {size: .params.size}", "      body: .params"),),
}
"""What is written where the advice is followed."""


def written(edits: Edits) -> bytes:
    text = SHOP
    for old, new in edits:
        assert text.count(old) >= 1, old
        text = text.replace(old, new, 1)
    return text.encode()


@pytest.fixture(scope="module")
def said() -> dict[str, tuple[Problem, ...]]:
    names = [*MISTAKES, *(f"followed: {name}" for name in FOLLOWED)]
    edits = [*(edits for edits, _ in MISTAKES.values()), *FOLLOWED.values()]
    return dict(zip(names, all_problems(map(written, edits)), strict=True))


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_named_at_its_place_with_what_to_write(
    name: str, said: dict[str, tuple[Problem, ...]]
) -> None:
    places = [(problem.place.position.line, problem.place.position.column) for problem in said[name]]
    found = [
        (f"{line}:{column}", problem.message, problem.fix or "")
        for (line, column), problem in zip(places, said[name], strict=True)
    ]
    expected = MISTAKES[name][1]
    assert len(found) == len(expected), found
    for (at, message, fix), (place, begins, starts) in zip(found, expected, strict=True):
        assert at == place, found
        assert message.startswith(begins), message
        assert fix.startswith(starts), fix


@pytest.mark.parametrize("name", FOLLOWED)
def test_the_advice_makes_a_file_that_passes(name: str, said: dict[str, tuple[Problem, ...]]) -> None:
    assert name in MISTAKES
    assert [problem.message for problem in said[f"followed: {name}"]] == []
