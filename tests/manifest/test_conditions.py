"""Conditions that are true whatever comes, and keys and words of other places: told once, with what works."""

# ruff: noqa: E501  (a row of a table is one line)
import pytest

from tests.manifest.mistakes import all_problems
from tests.manifest.test_newcomers import SHOP

AUTH = 'auth: {type: api_key, header: Authorization, prefix: "Bearer "}'
BASE = "base_url: https://api.example.com/v1"
JQ = "transform: '[.[] | {id, title}]'"
ROOT = "root: /items"
BODY = "body: {size: .params.size}"
LIMIT = "limit: {type: integer, default: 5}"
ORDER = "returns: {order: string}"
POLL = "      poll: {url: .url, until: '.state == \"done\"'}\n"
STREAM = "      stream: {delta: .text}\n"
LIST = """\
      limit: {type: integer, default: 5}
    returns: array
    rest:
      url: /things
      query: {q: .params.q, limit: .params.limit}
"""
PAGES = """\
    returns: array
    rest:
      url: /things
      query: {q: .params.q}
      paginate: {style: cursor, items: /items, next: .cursor}
"""
BODY_ABOVE = "      body: {size: .params.size}\n"


def poll(old: str, new: str) -> tuple[str, str]:
    return BODY_ABOVE, BODY_ABOVE + POLL.replace(old, new)


def stream(old: str, new: str) -> tuple[str, str]:
    return BODY_ABOVE, BODY_ABOVE + STREAM.replace(old, new)


CONDITIONS = {
    "a job that is done at once": (*poll("'.state == \"done\"'", ".state"), '30:32 Compare it: `.state == "…"`'),
    "a success that is a failure": (JQ, "error: .success", "19:16 Write `if .success then null else .message end`"),
    "every answer a failure": (JQ, "error: '{message: .msg}'", "19:17 Write `if .error then {message: .msg} else null end`, with the condition of a failure"),
    "a comparison for a sentence": (BODY, f"{BODY}\n      refuse: '.params.size == \"s\"'", '30:16 Write `if .params.size == "s" then "…" else null end`, with the words that the caller is told'),
    "whether there is more, for a cursor": (LIST, PAGES.replace(".cursor}", ".has_more}"), "16:54 Write `if .has_more then .next_cursor else null end`, with the field of the cursor"),
    "a field of a text": (f"{ROOT}\n        {JQ}", "as: text\n        mapping: {id: .id}", "19:23 Remove `as: text` when the answer is JSON; the whole text is `.`"),
    "a field of a line": (f"{ROOT}\n        {JQ}", "as: lines\n        transform: 'map({id: .id})'", "19:30 Remove `as: lines` when the answer is JSON; the whole text is `.`"),
    "basic auth as a template": (AUTH, 'auth: {header: {Authorization: "Basic {user}:{password}"}}', "5:32 Write `auth: {type: basic}`"),
    "a choice twice": ("enum: [s, m, l]", "enum: [s, m, m, l]", "24:41 Remove one of the two"),
    "a choice of a reply twice": (ORDER, "returns: {order: {type: string, enum: [a, a]}}", "25:47 Remove one of the two"),
    "a text for what is picked": (JQ, "transform: 'pick(\"id\")'", "19:26 Write `pick(.id)`"),
    "a list of a text": ("q: .params.q,", "q: '.params.q | join(\",\")',", "16:31 Write `type: array` at the param, or leave `join` out"),
    "a text of jq without its quotes": ("q: .params.q,", "q: 'name:\\(.params.q)',", "16:23 Write '\"name:\\(.params.q)\"': a text of jq stands in double quotes"),
    "a file as curl says it": (BODY, "encoding: multipart\n      body: {size: .params.size, file: '@a.png'}", "30:41 Declare a param of `type: file` and write `.params.NAME`: callers give files"),
}  # fmt: skip
KEYS = {
    "jq of a stream": (*stream("delta", "transform"), "30:16 Write `delta`: jq over one event"),
    "a switch of a stream": (*stream("{", "{stream: true, "), "30:16 Write `body: {stream: true}`: what is sent when a stream is asked for"),
    "how long a job may take": (*poll("{", "{timeout: 60, "), "30:14 Did you mean `deadline`?"),
    "how a job is looked at": (*poll("{", "{method: GET, "), "30:14 Remove it: a look is a GET with the headers of the utility"),
    "what of a job is the reply": (*poll("{", "{result: .urls, "), "30:14 Remove it: the answer that is done goes through `rest.response`"),
    "a word for an address of a job": (*poll(".url", "status_url"), "30:19 Write .status_url, for the field of the first reply"),
    "seconds of a job as milliseconds": (*poll("{", "{interval: 5000, "), "30:24 Write 5 when milliseconds were meant: it counts seconds"),
    "a place in braces": (LIST, PAGES.replace("cursor, items", "cursor, position: '{after}', items"), "16:43 Write after"),
    "a separator": (f"{ROOT}\n        {JQ}", "as: csv\n        csv: {separator: ;}", "19:15 Did you mean `delimiter`?"),
    "a format of a key": (AUTH, 'auth: {type: api_key, header: X-Key, format: "Bearer {key}"}', '5:38 Write it as a template: `header: {Authorization: "Bearer {token}"}`, and no `type`'),
    "a key that is required": (AUTH, "auth: {type: api_key, header: X-Key, required: true}", "5:38 Remove it: a call needs its credential, unless `optional: true` says otherwise"),
    "an address of renewals": (AUTH, "auth: {type: oauth, authorize_url: https://a.example/a, token_url: https://a.example/t, client_id: x, refresh_url: https://a.example/r}", "5:103 Remove it: a token is renewed at `token_url`"),
    "a word for a switch": (AUTH, "auth: {type: oauth, authorize_url: https://a.example/a, token_url: https://a.example/t, client_id: x, pkce: S256}", "5:109 Write `true` or `false`"),
    "an address in a list": (f"{{{BASE}}}", "[https://api.example.com/v1]", "6:6 Write a map: `api: {base_url: https://api.example.com/v1}`"),
    "jq in the base": (BASE, "base_url: 'https://\\(.settings.region).example.com'", "6:17 Write the address itself; in the path and the query of a utility's url {name} is a param"),
    "jq for the base": (BASE, "base_url: '\"https://\" + .settings.host'", "6:17 Write the address itself, such as https://api.example.com/v1: nothing is replaced here"),
    "fields of an object": (LIMIT, "limit: {type: object, fields: {a: {type: string}}}", "12:29 Did you mean `properties`?"),
    "what an object holds": (LIMIT, "limit: {a: {type: string}}", "12:15 Write what it holds under `properties`: `limit: {type: object, properties: {a: …}}`"),
    "a key of pages in a reply": (ORDER, "returns: {order: {total: number}}", "25:23 Write what it holds under `properties`: `order: {properties: {total: …}}`"),
    "a param that is secret": (LIMIT, "limit: {type: string, secret: true}", "12:29 Remove it: what proves a call is said under `auth`, and no caller gives it"),
    "one thing for a list of them": ("utilities:", "seed: {id: a}\nutilities:", "7:7 Write it as a list of maps: `seed:`, and below it `- ` before the first key of each"),
    "a name that is ignored": (BODY, f"{BODY}\n      ignored: size", "30:16 Write `ignored: '[\"size\"]'`"),
}  # fmt: skip
OF_JQ = {
    "...item, a: 1": "Write `. + {a: 1}`: jq adds objects with `+`",
    "id?: .id": "Write the name without `?`: a reply may leave out any of its fields, or say null",
    ".name: .value": "Write `{(.name): …}`: a name that is computed stands in parentheses",
    "id: .t.includes(\"a\")": "Write `| contains(…)` behind it",
    "id: .t.toUpperCase()": "Write `| ascii_upcase` behind it",
    "id: .t.slice(0, 5)": "Write `.[0:5]`",
    "id: test(/a/)": 'Write `test("…")`: a pattern is a text',
    "id: ..id": "Write `.id` for the field, `.. | .id?` for it at any depth",
    "id: (.t like \"a\")": 'Write `| test("…")` behind it, for a pattern or a part of a text',
    "id: response.id": "Write `.`: it is the answer, and `.name` is a field of it",
    "id: $body.id": "Write `.`: it is the answer, and `.name` is a field of it",
}  # fmt: skip


@pytest.mark.parametrize("name", [*CONDITIONS, *KEYS])
def test_what_is_meant_otherwise_is_told_with_what_works(name: str) -> None:
    old, new, said = (CONDITIONS | KEYS)[name]
    assert old in SHOP
    (found,) = all_problems([SHOP.replace(old, new, 1).encode()])
    told = [f"{one.place.position.line}:{one.place.position.column} {one.fix}" for one in found]
    assert told == [said]


@pytest.mark.parametrize(
    "refuse",
    [
        'def words(f): if f then "no" else null end; words(.params.size == "s")',
        '{"true": "no"}[(.params.size == "s") | tostring]',
        'if .params.size == "s" then "no" else null end',
    ],
)
def test_a_comparison_that_something_makes_words_of_is_no_mistake(refuse: str) -> None:
    assert all_problems([SHOP.replace(BODY, f"{BODY}\n      refuse: '{refuse}'", 1).encode()]) == [()]


def test_jq_as_other_languages_write_it_has_what_jq_says() -> None:
    texts = [SHOP.replace(JQ, f"transform: '{{{jq}}}'", 1).encode() for jq in OF_JQ]
    found = all_problems(texts)
    assert dict(zip(OF_JQ, ([one.fix for one in each] for each in found), strict=True)) == {
        jq: [fix] for jq, fix in OF_JQ.items()
    }


KEY = "      q: {type: string, required: true}\n"
OWN = f"{KEY}      token: {{type: string, required: true}}\n"


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("headers: {Authorization: '\"Bearer \" + .params.token'}", 'auth: {type: api_key, header: Authorization, prefix: "Bearer "}'),
        ("headers: {X-Api-Key: .params.token}", "auth: {type: api_key, header: X-Api-Key}"),
        ("query: {api_key: .params.token, q: .params.q, limit: .params.limit}", "auth: {type: api_key, query: api_key}"),
    ],
)  # fmt: skip
def test_a_key_that_callers_would_have_to_know_is_warned_of(written: str, said: str) -> None:
    text = SHOP.replace(f"{AUTH}\n", "auth: none\n").replace(KEY, OWN, 1)
    if written.startswith("query"):
        text = text.replace("query: {q: .params.q, limit: .params.limit}", written)
    else:
        text = text.replace("      url: /things\n", f"      url: /things\n      {written}\n")
    found, none = all_problems([text.encode(), SHOP.encode()])
    assert [one.fix for one in found] == [f"Remove the param `token` and this; at the top write `{said}`"]
    assert none == ()
