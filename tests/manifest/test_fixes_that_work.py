"""What to write is what works: each mistake of one edit, told once, with its place and its fix."""

# ruff: noqa: E501  (a row of a table is one line)
import pytest

from tests.manifest.mistakes import all_problems
from tests.manifest.test_newcomers import SHOP

AUTH = 'auth: {type: api_key, header: Authorization, prefix: "Bearer "}'
BASE = "base_url: https://api.example.com/v1"
LIST = "url: /things\n"
ADDRESSES = {
    "a scheme misspelt": (BASE, "base_url: htps://api.example.com/v1", "6:17 Write https://api.example.com/v1"),
    "a slash too few": (BASE, "base_url: https:/api.example.com/v1", "6:17 Write https://api.example.com/v1"),
    "no colon": (BASE, "base_url: https//api.example.com/v1", "6:17 Write https://api.example.com/v1"),
    "no scheme, but slashes": (BASE, "base_url: //api.example.com/v1", "6:17 Write https://api.example.com/v1"),
    "a scheme alone": (BASE, "base_url: https://", "6:17 Write the whole address, https://api.example.com"),
    "a scheme misspelt in a utility": (LIST, "url: htps://api.example.com/things\n", "15:12 Write https://api.example.com/things"),
    "a slash too few in a utility": (LIST, "url: https:/api.example.com/things\n", "15:12 Write https://api.example.com/things"),
    "a letter beyond ASCII": (LIST, "url: /straße\n", "15:12 Write %C3%9F for ß; a param in {name} is encoded by itself"),
    "an address for a map": (f"{{{BASE}}}", "https://api.example.com/v1", "6:6 Write a map: `api: {base_url: https://api.example.com/v1}`"),
    "a url for the base": (BASE, "url: https://api.example.com/v1", "6:7 Did you mean `base_url`?"),
    "headers of a key": (AUTH, "auth: {type: api_key, headers: X-Key}", "5:23 Did you mean `header`?"),
    "a place as OpenAPI says it": (AUTH, "auth: {type: api_key, in: header, header: X-Key}", "5:23 Remove it: `header: NAME` puts the key into that header, `query: NAME` into the address"),
    "a name as OpenAPI says it": (AUTH, "auth: {type: api_key, name: X-Key}", "5:23 Write `header: NAME`, or `query: NAME`"),
    "a scheme as OpenAPI says it": (AUTH, 'auth: {type: api_key, scheme: bearer, header: Authorization}', '5:23 Remove it: a token is `header: Authorization, prefix: "Bearer "`, with a user `type: basic`'),
    "a number for the id": ("id: shop", "id: 123", "2:5 Write a name that begins with a letter, such as `github`"),
    "a digit at the beginning of a name": ("  buy:", "  2buy:", "20:3 Write buy_2"),
    "a variable for a key": (AUTH, "auth: {type: api_key, header: X-Key, env: SHOP_KEY}", "5:38 Remove it: `agentos keys set` stores the key, or <ID>_API_KEY in the server's environment holds it"),
}  # fmt: skip

FIND = "    description: Find things"
JQ = "transform: '[.[] | {id, title}]'"
YAML = {
    "a colon without its space": (FIND, "    description:Find things", "9:5 Write `description: Find things`"),
    "a colon without its space before a path": (LIST, "url:/things\n", "15:7 Write `url: /things`"),
    "a space that is none": (FIND, "   \u00a0description: Find things", "9:4 Type spaces in its place"),
    "a block that is not further in": (JQ, "transform: |\n        map(.a)\n        | .[0]", "20:9 Indent each of its lines by two spaces more"),
    "a block of a list that is not further in": (JQ, "transform: >\n        [.[] | {id, title}]", "20:9 Indent each of its lines by two spaces more"),
    "a line of a block that is less far in": (JQ, "transform: |\n            map(.a)\n          | .[0]", "21:11 Begin it with 12 spaces"),
    "text below its key": ("utilities:", "instructions: |\nUse it well.\nutilities:", "8:1 Indent each of its lines by two spaces more"),
}  # fmt: skip
NUMBERS = {
    "octal": ("default: 5", "default: 010", "12:39 Write 8 for the octal number, 10 for the decimal one"),
    "octal of YAML 1.2": ("default: 5", "default: 0o10", "12:39 Write 8"),
    "hexadecimal": ("default: 5", "default: 0x1F", "12:39 Write 31"),
    "a bound": ("default: 5", "default: 5, maximum: 1_000", "12:51 Write 1000"),
    "a plus": (LIST, "url: /things\n      timeout: +5\n", "16:16 Write 5"),
    "quotes": ("default: 5", "default: '5'", "12:39 Remove the quotes when a number is meant"),
}  # fmt: skip

BODY = "body: {size: .params.size}"
MAP = "30:13 Write a map: `body: {name: .params.name}`; for a text as it stands, `encoding: text`"
Q = "{q: .params.q,"
JQ_WITHOUT_VALUE = {
    "a format of another language": (JQ, "transform: '.a | @urlencode'", "19:26 Write `@uri`"),
    "what is null, else": (JQ, "transform: '.a ?? .b'", "19:24 Write `//`: it takes the other where the first is null or false"),
    "a text for a field": (JQ, "transform: 'group_by(\"a-b\")'", '19:30 Write `group_by(.["a-b"])`'),
    "a comma of arguments": (JQ, "transform: '.a | join(\",\", .)'", '19:34 Write `| join(",")` after what it works on'),
    "two values in a query": (Q, "{q: '.params.q, 1',", "16:28 Write `[.params.q, 1]` for a list, or leave one of them"),
    "two values of a reply": (JQ, "transform: '.a, .b'", "19:23 Write `[.a, .b]` for a list, or leave one of them"),
    "a form of one param": (BODY, "encoding: form\n      body: .params.size", MAP),
    "a form of a text": (BODY, "encoding: form\n      body: '\"size=\" + .params.size'", MAP),
    "parts of a text": (BODY, "encoding: multipart\n      body: '\"size=\\(.params.size)\"'", MAP),
    "a form of a list": (BODY, "encoding: form\n      body: [.params.size]", MAP),
}  # fmt: skip
ROOT = "root: /items"
LIMIT = "      limit: {type: integer, default: 5}\n"
PLACES = {
    "an entry in brackets": (ROOT, "root: '/data[0]/items'", "18:21 Write /data/0/items"),
    "every entry": (ROOT, "root: '/items[*]'", "18:22 Write /items"),
    "every entry of a path": (ROOT, "root: .items[]", "18:15 Write /items"),
    "a slash at the end": (ROOT, "root: /items/", "18:21 Write /items"),
    "a slash for the whole": (ROOT, "root: /", '18:15 Write nothing (`""`, or no pointer) for the whole'),
    "a param": (ROOT, "root: '/items/{q}'", "18:23 Write /items: nothing is put into a pointer, `transform` can choose"),
    "a switch for auth": (AUTH, "auth: true", '5:7 Write `auth: {type: api_key, header: Authorization, prefix: "Bearer "}`, or `auth: none`'),
    "a curly quote of a header": (AUTH, "auth: {type: api_key, header: Authorization, prefix: \u201cBearer \u201d}", "5:54 Write straight quotes"),
    "a curly quote of a url": (LIST, "url: \u201c/things\u201d\n", "15:12 Write straight quotes, or none"),
    "a name with a sign": ("q: {type: string, required: true}", "q?: {type: string}", "11:7 Write q"),
    "choices in one text": ("enum: [s, m, l]", "enum: s | m | l", "24:34 Write it as a list: `[s, m, l]`"),
}  # fmt: skip
PREFIX = 'prefix: "Bearer "'
PREFIXES = {
    f"a prefix {written}": (PREFIX, f"prefix: {written}", f'5:54 Write prefix: "{meant}"')
    for written, meant in (
        ('"Bearer: "', "Bearer "),
        ('"Bearer:"', "Bearer "),
        ('"Bearer  "', "Bearer "),
        ('"Baerer "', "Bearer "),
        ('"Bearer {key}"', "Bearer "),
        ('"Authorization: Bearer "', "Bearer "),
        ('"Acme key=<key>"', "Acme key="),
    )
}
NAMES = {
    "a query with its signs": (AUTH, "auth: {type: api_key, query: '?key='}", "5:30 Write `key`"),
}
HEADER = "query: {q: .params.q, limit: .params.limit}"
RESPONSE = "response:\n        mapping: {order: .order.id}"
HALF_SAID = {
    "a comma in choices": ("enum: [s, m, l]", "enum: s, m, l", "24:34 Write it as a list: `[s, m, l]`"),
    "a comma in a number": ("default: 5", "default: 1,000", "12:41 Write `default: 1000`"),
    "a comma in a number in quotes": ("default: 5", "default: '1,000'", "12:39 Write 1000"),
    "a comma in a text": ("default: 5", "default: 5, description: How many, at most, come", '12:65 Write it in quotes: `description: "How many, at most, come"`'),
    "a comma in types": ("{type: integer, default: 5}", "{type: integer, string}", "12:30 Write a list: `type: [integer, string]`"),
    "no colon before a map": ("limit: {type: integer, default: 5}", "limit {type: integer}", "12:7 Write a `:` and a space behind it: `limit: {…}`"),
    "a type with a sign": ("{type: integer, default: 5}", "integer?", "12:14 Write it as a map: `{type: integer}`"),
    "what a param is": ("{type: integer, default: 5}", "How many, at most", '12:14 Write it as a map: `{type: string, description: "How many, at most"}`'),
    "a list of one type": ("{type: integer, default: 5}", "{type: array, items: [string]}", "12:35 Write a map: `items: {type: string}`"),
    "a list of names": ("\n      q: {type: string, required: true}\n      limit: {type: integer, default: 5}", " [q, n]", "10:13 Write a map: `params: {q: {type: string}, n: {type: string}}`"),
    "a pointer as a list": (ROOT, "root: [data, items]", "18:15 Write it as a JSON Pointer: `/data/items`"),
    "a pointer with a dot": (ROOT, "root: /data.items", "18:16 Write /data/items"),
    "jq for a mapping": ("mapping: {order: .order.id}", "mapping: .order", "31:18 Write `transform: .order`, or a map from each field to jq: `mapping: {name: .name}`"),
    "a word for a response": (RESPONSE, "response: json", "30:17 Write `response: {as: json}`"),
    "a type of a response": ("mapping: {order: .order.id}", "type: json", "31:9 Did you mean `as`?"),
    "a prefix beside basic": (AUTH, 'auth: {type: basic, prefix: "Basic "}', "5:21 Remove it: name and password go into `Authorization`, as HTTP says"),
    "a header beside basic": (AUTH, "auth: {type: basic, header: X-Auth}", "5:21 Remove it: name and password go into `Authorization`, as HTTP says"),
    "a header beside none": (AUTH, "auth: {type: none, header: X-Auth}", "5:20 Remove it, or write `type: api_key`"),
    "a header with an underscore": (HEADER, f"{HEADER}\n      headers: {{user_agent: me}}", "17:17 Write User-Agent"),
    "a header with a space": (HEADER, f"{HEADER}\n      headers: {{'User-Agent ': me}}", "17:17 Write `User-Agent`"),
    "words before a path": (HEADER, f"{HEADER}\n      headers: {{X-Team: Team .params.q}}", """17:25 Write '"Team \\(.params.q)"': a text of jq stands in double quotes, and takes a value in \\(…)"""),
    "a param in capitals": ("limit: .params.limit}", "limit: .params.Limit}", "16:44 Did you mean `limit`?"),
    "a param in capitals in an answer": ("order: .order.id", "order: .params.Size", "31:26 Write `$params.size`"),
    "the end of a stream": (LIST, "url: /things\n      stream: {delta: .x, accumulate: list, end: '[DONE]'}\n", '16:52 Write `done: "[DONE]"`: the data of the event that ends a stream is no jq'),
    "no host": (BASE, "base_url: https:///v1", "6:17 Write two slashes and then the host: https://api.example.com/…"),
    "a port that is none": (BASE, "base_url: https://api.example.com:80800/v1", "6:17 Write a host and, if it needs one, a port from 1 to 65535: https://api.example.com:8443"),
    "a colon without a port": (BASE, "base_url: 'https://api.example.com:/v1'", "6:17 Remove the `:`, or write the port behind it"),
    "tries": (LIST, "url: /things\n      retry: {max: 3}\n", "16:15 Did you mean `attempts`?"),
}  # fmt: skip
CUT = {
    "a sign of a number": (FIND, "    description: Find #1 things", '9:23 Write it in quotes: "Find #1 things"'),
    "a sign of a number in a map on one line": ("default: 5", "default: 5, description: Use #1 of them", "12:59 Put the text that holds the `#` in quotes"),
    "a sign of and": (FIND, "    description: &all things", "9:18 Put the whole value in quotes"),
    "a question": (FIND, "    description: ? things", "9:18 Put it in quotes"),
    "a line that is not far enough in": (FIND, "    description: Find\n      all\n    things", "11:5 Write `key: value`; where Markdown begins, end the front matter with a line `---` above it"),
}  # fmt: skip
ORDER = "body: {size: .params.size}"
OTHER_SHAPES = {
    "an address in a list": (BASE, "base_url: [https://api.example.com/v1]", "6:17 Write `base_url: https://api.example.com/v1`, without the list"),
    "an address in a map": (LIST, "url: {path: /things}\n", "15:12 Write `url: /things`, without the map"),
    "a relative address with a param": ("url: /things/{id}/orders", 'url: "things/{id}/orders"', "28:12 Write /things/{id}/orders"),
    "a query as a text": (HEADER, "query: q={q}&limit={limit}", "16:14 Write keys and values below it: `query: {q: .params.q, limit: .params.limit}`"),
    "a query as a list": (HEADER, "query: [q, limit]", "16:14 Write a map: `name: value` lines, without the `- `, as in `query: {q: .params.q, limit: .params.limit}`"),
    "a cookie of a key": (AUTH, "auth: {type: api_key, cookie: sid}", '5:23 Write it as a header: `header: {Cookie: "NAME={key}"}`'),
    "a prefix beside templates": (AUTH, 'auth: {header: {X-Key: "{key}"}, prefix: "Bearer "}', '5:34 Write it into the template: `header: {Authorization: "Bearer {token}"}`'),
    "scopes of a key": (AUTH, "auth: {type: api_key, header: X-Key, scopes: [read]}", "5:38 Remove it, or write it below `login`, which says how to get the key in a browser"),
    "a pointer of JSON Schema": (ROOT, "root: '#/items'", "18:15 Write /items"),
    "a map as a text": ("{order: string}", "'{order: string}'", "25:14 Write `array` for a list, or a map of properties without quotes: `{name: string}`"),
    "a list of a type": ("{order: string}", "{order: string[]}", "25:22 Write `order: {type: array, items: {type: string}}`"),
    "required in returns": ("{order: string}", "{order: {type: string, required: true}}", "25:37 Remove it: a reply may leave out any property, or say null"),
    "an index in a map on one line": ("mapping: {order: .order.id}", "mapping: {order: .orders[0].id}", "31:26 Write it in quotes: `order: '.orders[0].id'`"),
    "a jq string in single quotes": (ORDER, "query: {size: 'of:' + .params.size}", """29:21 Write it in quotes: `size: '"of:" + .params.size'`"""),
    "a method of a text": (ORDER, "body: {size: .params.size.trim()}", "29:37 Write `| trim`: a function stands behind a pipe, not behind a dot"),
    "a field of a text": (ORDER, "body: {size: .params.size.length}", "29:33 Write `(.params.size | length)`"),
    "or with a text": (ORDER, "body: {size: .params.size or \"m\"}", '29:33 Write `// "m"`: it takes the other where the first is null or false'),
    "the name of a param": (ORDER, "body: {size: size}", "29:20 Write `.params.size`"),
}  # fmt: skip
BYTES_AND_TEXTS = {
    "bytes of a text": (ORDER, "encoding: binary\n      body: .params.size", "30:13 Write `type: file` at the param `size`; for a text as it stands, `encoding: text`"),
    "bytes of a map": (ORDER, "encoding: binary\n      body: {size: .params.size}", "30:13 Write `body: .params.NAME`, with the name of a param of `type: file`"),
    "names that are ignored as a list": (ORDER, f"{ORDER}\n      ignored: [size]", """30:16 Write `ignored: '["size"]'`"""),
    "a list in a header": (HEADER, f"{HEADER}\n      headers: {{Accept: [text/csv, text/plain]}}", '17:25 Write one text: "text/csv, text/plain"'),
    "properties of other names": ("{type: integer, default: 5}", "{type: object, additionalProperties: true}", "12:29 Remove it: an object may hold others than its `properties`, too"),
    "a page without a scheme": (FIND, f"{FIND}\n    web_url: example.com/find?q={{q}}", "10:14 Write https://example.com/find?q={q}"),
    "a jq string in single quotes within double ones": ("order: .order.id", "order: \"if .a then 'x' else null end\"", '31:36 Write jq strings as "text"; around the whole expression stand single quotes'),
}  # fmt: skip
PAGES = {
    "/page": "Write {body: /page} for a field of the body, or page",
    "'?page'": "Write page",
    "page=": "Write page",
    ".params.page": "Write page",
    "{query: .page}": "Write page",
}
FINE = {
    **{
        f"a prefix {written}": (PREFIX, f"prefix: {written}")
        for written in (
            '"bearer "',
            '"Klaviyo-API-Key "',
            '"Token token="',
            '"SSWS "',
            '"AWS:"',
            '"key-"',
            '"Zoho-oauthtoken "',
        )
    },
    "a field with a sign": (ROOT, 'root: "/@odata.value/$items/0"'),
    "remarks of YAML": (FIND, "    description: Find things # all of them"),
    "an anchor that is used": (
        "limit: {type: integer, default: 5}",
        "limit: {type: integer, default: &five 5, maximum: *five}",
    ),
    "or in a question": (JQ, "transform: '.a == 1 or \"x\" == .b'"),
    "a word that is the name of another param": (
        HEADER,
        "query: {q: .params.q, sort: limit, limit: .params.limit}",
    ),
    "bytes of a file": (
        "size: {type: string, enum: [s, m, l], default: m}\n    returns: {order: string}\n    rest:\n      method: POST\n      url: /things/{id}/orders\n      body: {size: .params.size}",
        "size: {type: file}\n    returns: {order: string}\n    rest:\n      method: POST\n      url: /things/{id}/orders\n      encoding: binary\n      body: .params.size",
    ),
    "formats": (JQ, 'transform: \'"a@b.c ?? , " + (.a | @uri) + @json "x"\''),
    "remarks": (JQ, 'transform: |\n          .a # ?? @nobody, sort_by("a")\n          | .b'),
    "errors passed over": (JQ, "transform: '.a? // .b?'"),
    "commas in brackets": (JQ, "transform: '[.a, .b] | join(\", \")'"),
    "commas that give one value": (JQ, "transform: '(.a | select(. != null)), empty'"),
    "commas of a pattern": (Q, "{q: '.params.q as [$a, $b] | $a',"),
    "a form in jq": (BODY, "encoding: form\n      body: '{size: .params.size}'"),
}


def told(text: str) -> list[str]:
    (found,) = all_problems([text.encode()])
    return [f"{p.place.position.line}:{p.place.position.column} {p.fix}" for p in found]


TOLD = {
    **ADDRESSES,
    **YAML,
    **NUMBERS,
    **JQ_WITHOUT_VALUE,
    **PLACES,
    **PREFIXES,
    **NAMES,
    **HALF_SAID,
    **CUT,
    **OTHER_SHAPES,
}


@pytest.mark.parametrize("name", TOLD)
def test_a_mistake_is_told_once_with_what_to_write(name: str) -> None:
    old, new, expected = TOLD[name]
    assert old in SHOP
    assert told(SHOP.replace(old, new, 1)) == [expected]


@pytest.mark.parametrize("name", FINE)
def test_what_only_looks_alike_is_fine(name: str) -> None:
    old, new = FINE[name]
    assert old in SHOP
    assert told(SHOP.replace(old, new, 1)) == []


@pytest.mark.parametrize("position", PAGES)
def test_a_position_is_the_name_of_a_query_key(position: str) -> None:
    text = SHOP.replace(LIMIT, "").replace(", limit: .params.limit", "")
    paged = text.replace(LIST, f"{LIST}      paginate: {{style: page, position: {position}}}\n")
    assert [fix.partition(" ")[2] for fix in told(paged)] == [PAGES[position]]


def test_the_limit_of_pages_is_the_name_of_a_query_key() -> None:
    text = SHOP.replace(LIMIT, "").replace(", limit: .params.limit", "")
    paged = text.replace(LIST, f"{LIST}      paginate: {{style: page, limit: 100}}\n")
    fix = "Write the query key that says how many entries a page has, such as `limit: per_page`"
    assert told(paged) == [f"15:38 {fix}"]
