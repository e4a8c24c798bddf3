"""Every mistake is named once, at its character, in words that say what to do."""

# ruff: noqa: E501  (a row of a table is one line)

import pytest

from tests.manifest.loading import HEAD, load, load_bytes, problems, texts, utility

URL = "url: https://api.example.com/x"


def go(rest: str = URL, **parts: str) -> str:
    return utility(rest, **parts)


TOP_LEVEL = {
    "color: red": '5:8 `color` must be a color such as "#111827", in quotes.',
    "color: '#12345'": '5:8 `color` must be a color such as "#111827", in quotes.',
    "color: '123456'": "Write #123456",
    "website: example.com": "Write https://example.com",
    "platforms: macos": "5:12 `platforms` must be a list, is text. Write it as a list: `[macos]`",
    "icon: ../x.svg": "5:7 an icon is the name of a file beside the manifest.",
    "icon: https://a.example/x.svg": "5:7 an icon is the name of a file beside the manifest.",
    "icon: .hidden.svg": "5:7 an icon is the name of a file beside the manifest.",
    "icon: icon.exe": "5:7 this is no kind of image that an icon may be. Use one of .svg, .png",
    "domains: [https://x.example/a]": "Write x.example",
    "api: {base_url: ftp://x.example}": "5:17 `base_url` must be a web address",
    "api: {baseurl: https://x.example}": "5:7 `baseurl` is not a key of `api`. Did you mean `base_url`?",
    "instructions: [a]": "5:15 `instructions` must be text, is a list. Put quotes around the whole value",
    "instructions:": "5:1 `instructions` has no value. Give it one, or remove the key",
    "settings: {title: Demo}": "5:19 `title` must be a map, is text.",
    "definitions: {1a: .}": "5:15 `1a` is not the head of a jq definition.",
    "definitions: {'f(a, b)': .}": "Write `name`, or `name(first; $second)` with semicolons",
    "definitions: '.x'": "5:14 there is no `def` in here.",
    "seed: [{id: a}, {id: a}]": "5:22 the id `a` is also used on line 5.",
    "seed: [{id: openai, relationships: [{role: r, to: opnai}]}]": "5:51 there is nothing with the id `opnai` under `seed`. Did you mean `openai`?",
    "seed: [{id: a}]\nconnects_to: b": "6:14 there is nothing with the id `b` under `seed`.",
    "seed: [{name: x}]": "5:8 `seed[0]` needs `id`.",
    "auth: {type: basic, password: hunter}": "5:21 neither part of a credential stands in a file. Remove it",
    "auth: {type: basic, password: '', username: ''}": "5:7 with both parts empty there is nothing to prove. Remove one of them",
    "auth: {type: api_key, header: A, password: ''}": "5:34 `password` belongs to `type: basic`. Remove it, or write `type: basic`",
    "auth: nine": "5:7 `auth` is `nine`; it must be `none`.",
    "auth: {type: apikey}": "5:14 `type` is `apikey`; it must be one of none, api_key, basic, oauth, template. Did you mean `api_key`?",
    "auth: {type: api_key, heder: Authorization}": "5:23 `heder` is not a key of `auth`. Did you mean `header`?",
    "auth: {header: Authorization}": "5:16 `Authorization` names a place, but not what goes there. Add `type: api_key`",
    "auth: {type: api_key, header: Host}": "5:31 `Host` is set by the runtime",
    "auth: {type: api_key, header: A b}": "5:31 `A b` is not a header name",
    "auth: {header: {X-Key: \"{a b}\"}}": "braces hold the name of a field of the credential. Write {token}",
    "auth: {header: {X-Key: fixed}}": "5:24 `fixed` names no field of the credential",
    "auth: {type: oauth}": "OAuth needs `authorize_url`",
    "auth: {type: api_key, header: A, login: {token_url: https://a.example}}": "5:34 `login` needs `authorize_url`. Add `authorize_url: …` (the address that the user's browser opens)",
    "auth: {type: api_key, header: A, login: {authorize_url: https://a.example/a, token_url: https://a.example/t, callback: https://a.example/cb}}": "`callback` must be a page of this machine, such as http://localhost:3000/callback.",
    "auth: {type: api_key, header: A, login: {authorize_url: https://a.example/a, token_url: https://a.example/t, callback: http://localhost:65536/cb}}": "`callback` must be a page of this machine",
    "auth: {type: api_key, header: A, login: {authorize_url: https://a.example/a, token_url: https://a.example/t, token_fild: key}}": "`token_fild` is not a key of `login`. Did you mean `token_field`?",
    "auth: {type: api_key, header: A, login: {authorize_url: https://u@a.example/a, token_url: https://a.example/t}}": "this address contains a user name or password",
    "auth: {type: basic, login: {authorize_url: https://a.example/a, token_url: https://a.example/t}}": "5:21 a login gives one value, and this credential holds username, password. Remove `login`",
    "auth: {type: oauth, authorize_url: https://a.example/a, token_url: https://a.example/t, login: {authorize_url: https://a.example/a, token_url: https://a.example/t}}": "`type: oauth` says how to log in at its own level. Keep `login`, and write `type: api_key` with a `header`",
    'auth: {type: api_key, header: A, prefix: "a\\nb"}': "5:44 a header cannot contain a line break.",
    "auth: {credentials: {a: {type: basic}}, label: x}": "`label` cannot stand beside `credentials`.",
}  # fmt: skip
PARAMS = {
    "model: string": "must be a map, is text. Write it as a map: `{type: string}`",
    "n: {type: strin}": "`type` is `strin`; it must be one of string, integer, number, boolean, array, object, file. Did you mean `string`?",
    "n: {type: [string, null]}": "Null is always allowed",
    "n: {type: []}": "`type` is empty",
    "n: {type: integer, default: '4'}": "the default must be an integer, is a string. Remove the quotes when a number is meant",
    "n: {type: string, default: 1.10}": 'the default must be a string, is a number. Write it in quotes: "1.10"',
    "n: {type: string, enum: [a, 1]}": 'this choice must be a string, is an integer. Write it in quotes: "1"',
    "n: {enum: [a, b], default: c}": "the default must be one of: a, b",
    "n: {type: integer, minimum: 3, default: 1}": "the default must be at least 3",
    "n: {minimum: 3, maximum: 1}": "`minimum` 3 is above `maximum` 1",
    "n: {required: yes}": "`required` must be true or false, is text. Write `true`",
    "n: {$ref: '#/x'}": "References are not part of the language",
    "n: {pattern: a+}": "`pattern` is not part of the language",
    "n: {items: {format: date}}": "`format` is not part of the language",
    "n: {enum: []}": "`enum` is empty",
    "n: {descripton: x}": "`descripton` is not a key of `n`. Did you mean `description`?",
    "a b: {}": "the name `a b` must be a name of letters, digits and _.",
}  # fmt: skip
REST = {
    "metod: POST\nurl: https://a.example": "`metod` is not a key of `rest`. Did you mean `method`?",
    "method: PSOT\nurl: https://a.example": "`method` is `PSOT`; it must be one of GET, POST, PUT, PATCH, DELETE, HEAD. Did you mean `POST`?",
    "method: GET": "`rest` needs `url`.",
    "url: /x": "a url that begins with / needs `api.base_url`.",
    "url: api.example.com/x": "a url begins with https://, http:// or /. Write https://api.example.com/x",
    "url: '.params.url'": "a jq url must begin with a literal origin",
    "url: '\"https://\\(.params.host)/x\"'": "a jq url must begin with a literal origin",
    "url: https://{host}.example.com/x": "this url has a param in its host",
    "url: https://user:pw@api.example.com/x": "this url contains a user name or password",
    "url: https://api.example.com:x/": "this url has a host or port that cannot be read",
    "url: https:///x": "this url names no host",
    "url: 'https://api.example.com/x#y'": "this url has a #fragment",
    "url: https://api.example.com/a b": "this url has a space",
    "url: https://api.example.com/{}": "braces in a url hold the name of a param.",
    "url: https://api.example.com/{x": "a `{` or `}` stands alone in this url.",
    f"{URL}\nheaders: {{Host: x}}": "`Host` is set by the runtime and cannot be set by a manifest. Remove it",
    f"{URL}\nheaders: {{content-length: 5}}": "`content-length` is set by the runtime",
    f"{URL}\nheaders: {{'a b': c}}": "`a b` is not a header name",
    f"{URL}\nheaders: {{A: b, a: c}}": "`a` is also set on line 1",
    f"{URL}\nheaders: {{A: \"b\\r\\nC: d\"}}": "a header cannot contain a line break.",
    f"{URL}\nheaders: {{A: {{b: c}}}}": "`A` must be text, a number, true or false or null, is a map.",
    f"{URL}\nquery: {{a: {{b: c}}}}": "`a` of a query must be text, a number, a list or jq, is a map.",
    f"{URL}\nrespose: {{}}": "`respose` is not a key of `rest`. Did you mean `response`?",
    f"{URL}\ntransform: .x": "`transform` belongs under `rest.response`",
    f"{URL}\nresponse: {{transform: {{a: .b}}}}": "`transform` must be text, is a map. Put quotes around the whole value",
    f"{URL}\nresponse: {{mapping: {{a: 5}}}}": '`a` must be text, is a number. Write it in quotes: "5"',
    f"{URL}\nresponse: {{root: data.items}}": "a JSON Pointer begins with /. Write /data/items",
    f"{URL}\nresponse: {{root: /a~b}}": "`~` in a JSON Pointer is written ~0",
    f"{URL}\nresponse: {{error: true}}": "`error` must be jq in quotes, or `false`",
    f"{URL}\nstream: {{format: sse}}": "`stream` needs `delta`.",
    f"{URL}\nstream: {{delta: ., accumulate: chats}}": "Did you mean `chat`?",
    f"{URL}\ntimeout: 0": "`timeout` must be more than 0",
    f"{URL}\ntimeout: '5'": "`timeout` must be a number, is text. Remove the quotes",
    f"{URL}\nretry: {{attempts: 0}}": "`attempts` must be at least 1",
    f"{URL}\npaginate: {{style: cursor}}": "pages by cursor need `next`.",
    f"{URL}\npaginate: {{style: cursr}}": "`style` is `cursr`; it must be one of offset, cursor, page. Did you mean `cursor`?",
    f"{URL}\nencoding: xml": "`encoding` is `xml`; it must be one of json, form, multipart, text, binary.",
    f"{URL}\nheaders: {{A: .auth.key}}": "`.auth` is used, but the call carries no credential. Declare one",
}  # fmt: skip
UTILITIES = {
    "utilities:\n  Chat: {rest: {url: https://a.example}}": "the name `Chat` must be lower-case letters, digits and _, beginning with a letter. Write chat",
    "utilities:\n  go:": "6:3 `go` has no value.",
    "utilities:\n  go: {description: x}": "6:3 `go` does not say what it calls. Add `rest: {method: …, url: …}`",
    "utilities:\n  go: {url: https://a.example}": "`url` belongs under `rest`",
    "utilities:\n  go: {parameters: {}, rest: {url: https://a.example}}": "6:8 `parameters` is not a key of `go`. Did you mean `params`?",
    "utilities:\n  go: {returns: {a: strng}, rest: {url: https://a.example}}": "Did you mean `string`?",
    "utilities:\n  go: {returns: 'a b', rest: {url: https://a.example}}": "`returns` must be `void`, `array`, `entity`, `entity[]` or a map of properties",
    "utilities:\n  go: {auth: basic, rest: {url: https://a.example}}": "`auth` is `basic`; it must be `none`",
    "utilities:\n  go: {credential: x, rest: {url: https://a.example}}": "there is no credential `x` under `auth`. Known credentials: none",
    "utilities:\n  go: {effect: reads, rest: {url: https://a.example}}": "6:16 `effect` is `reads`; it must be one of read, write, destroy. Did you mean `read`?",
    "utilities:\n  go: {rest: {url: https://a.example}, sql: {}}": "a utility has one executor: `rest` and `sql` cannot both be it.",
    "utilities:\n  go: {web_url: 'https://a.example/{x}', rest: {url: https://a.example}}": "`x` is not a param of go.",
    "auth: {credentials: {a: {type: basic}, b: {type: basic}}}\nutilities:\n  go: {rest: {url: https://a.example}}": "7:3 the utility does not say which credential it carries. Add `credential: …` (a, b)",
    "auth: {type: api_key, label: K}\nutilities:\n  go: {rest: {url: https://a.example}}": "5:7 nothing says where the key goes.",
    "auth: {type: api_key, query: k}\nutilities:\n  go: {rest: {url: https://a.example, query: {a: .auth.kez}}}": "the credential has no field `kez`. Did you mean `key`?",
    "auth: {header: {Authorization: Bearer abc}}\nutilities:\n  go: {rest: {url: https://a.example}}": "`Bearer abc` names no field of the credential, and would be sent as it stands. Write \"Bearer {token}\"",
    "auth: {type: api_key}\nutilities:\n  go: {rest: {url: https://a.example, query: {a: .auth}}}": "`.auth` alone names no field of the credential. Write `.auth.key`",
}  # fmt: skip


@pytest.mark.parametrize(
    ("front", "expected"),
    [
        *TOP_LEVEL.items(),
        *((go(params=params), expected) for params, expected in PARAMS.items()),
        *((go(rest), expected) for rest, expected in REST.items()),
        *UTILITIES.items(),
    ],
)
def test_a_mistake_is_one_problem_with_a_place_and_a_fix(front: str, expected: str) -> None:
    found = texts(front)
    assert any(expected in text for text in found), found
    assert len(found) == 1 + (front == "auth: {type: oauth}") + ("{host}" in front)


def test_a_key_of_the_wrong_kind_is_pointed_at_where_it_stands() -> None:
    front = go(
        "url: https://api.example.com/x\nmethod: POST\nbody: {a: .params.modle}", params="model: {type: string}"
    )
    (wrong,) = [p for p in problems(front) if "modle" in p.message]
    assert (wrong.place.key, wrong.length) == ("utilities.go.rest.body.a", len("modle"))
    lines = f"---\n{HEAD}{front}\n".splitlines()
    position = wrong.place.position
    assert lines[position.line - 1][position.column - 1 :].startswith("modle")


def test_a_template_name_is_pointed_at_inside_its_url() -> None:
    front = go("url: 'https://api.example.com/it''s/{modle}'", params="model: {type: string, required: true}")
    (wrong,) = [p for p in problems(front) if p.severity == "error"]
    line = f"---\n{HEAD}{front}\n".splitlines()[wrong.place.position.line - 1]
    assert line[wrong.place.position.column - 1 :].startswith("modle}")
    assert wrong.fix == "Did you mean `model`?"


def test_a_skill_with_utilities_needs_id_name_and_description() -> None:
    result = load(go(), head="color: '#111'\n")
    assert [p.message for p in result.problems if p.severity == "error"] == [
        "a skill with utilities needs `id`",
        "a skill with utilities needs `name`",
        "a skill with utilities needs `description`",
    ]


def test_a_name_of_several_lines_is_refused_for_what_can_be_called() -> None:
    result = load(go(), head="id: demo\nname: |\n  two\n  lines\ndescription: x\n")
    assert [p.message for p in result.problems] == ["`name` must be one line"]


def test_all_problems_come_at_once_in_the_order_of_the_file() -> None:
    front = f"color: red\nutilites: {{}}\n{go('metod: POST', params='a: {type: strin}')}\nwebsite: x y"
    lines = [p.place.position.line for p in problems(front)]
    assert lines == sorted(lines)
    assert len(lines) == 6


@pytest.mark.parametrize(
    ("written", "fix"),
    [
        ("atuh: {type: api_key, header: X-Key}", "Did you mean `auth`?"),
        ("Auth: {type: basic}", "Did you mean `auth`?"),
        ("auths: {credentials: {default: {type: api_key, query: key}}}", "Did you mean `auth`?"),
        (
            "credentials: {default: {type: api_key, header: X-Key}}",
            "Write it under `auth`: `auth: {credentials: …}`",
        ),
        ("credentails: {header: X-Key}", "Write it under `auth`: `auth: {credentials: …}`"),
        ("apis: {base_url: https://api.example.com}", "Did you mean `api`?"),
    ],
)
def test_what_is_meant_as_auth_is_an_error_since_calls_would_go_out_without_a_key(written: str, fix: str) -> None:
    name = written.partition(":")[0]
    assert texts(f"{written}\n{go()}") == [f"5:1 `{name}` is not a key of a manifest. {fix}"]


def test_an_unknown_key_at_the_top_is_a_warning_with_the_nearest() -> None:
    assert texts("utilites: {}", "warning") == [
        "5:1 `utilites` is not a key of a manifest. Did you mean `utilities`?"
    ]
    assert texts("author: {name: Ada, type: person}", "warning")[0].startswith("5:1 `author` is not a key")
    assert texts("zzz: {}", "warning") == ["5:1 `zzz` is not a key of a manifest. It is not used; remove it"]


def test_a_flood_of_mistakes_is_cut_short() -> None:
    front = "utilities:\n" + "\n".join(f"  go{n}: {{x: 1}}" for n in range(2000))
    result = load_bytes(f"---\n{HEAD}{front}\n---\n".encode())
    assert len(result.problems) <= 301
    assert "more problems like these" in result.problems[-1].message


def test_what_is_not_run_is_said_and_does_not_break_the_rest() -> None:
    front = f"{go()}\n  other: {{description: x, sql: {{query: x}}}}"
    result = load(front)
    assert result.skill is not None
    assert list(result.skill.utilities) == ["go"]
    assert "names no database" in result.skill.unavailable["other"]


def test_a_skill_of_later_executors_only_is_no_page_of_instructions() -> None:
    result = load("utilities:\n  go: {description: x, sql: {query: x}}")
    assert result.skill is not None
    assert (result.skill.kind, result.skill.utilities) == ("callable", {})
    assert list(result.skill.unavailable) == ["go"]


def test_a_mistake_that_is_used_twice_is_one_problem() -> None:
    found = texts(
        f"utilities:\n  a: {{params: &p {{n: {{type: strin}}}}, rest: {{{URL}}}}}\n  b: {{params: *p, rest: {{{URL}}}}}"
    )
    assert len(found) == 1
