"""Mistakes that YAML takes for something else, and advice that was about something else: each one of one edit."""

# ruff: noqa: E501  (a row of a table is one line)

import json
from pathlib import Path

import pytest

from tests.cli.console import Console
from tests.manifest.test_newcomers import SHOP

QUERY = "query: {q: .params.q, limit: .params.limit}"
BODY = "body: {size: .params.size}"
AUTH = '{type: api_key, header: Authorization, prefix: "Bearer "}'
TRANSFORM = "'[.[] | {id, title}]'"
MISTAKES: dict[str, tuple[str, str, list[tuple[str, str, str]]]] = {
    "names and values in one": (QUERY, "query: {q:.params.q, limit: .params.limit}", [
        ("16:15", "a `:` without a space behind it separates nothing", "Write `q: .params.q`"),
    ]),
    "a text glued to its name": (BODY, 'body: {size: .params.size, kind:full}', [
        ("29:34", "a `:` without a space behind it separates nothing", "Write `kind: full`"),
    ]),
    "a value without a name": (BODY, "body: {.params.size}", [
        ("29:14", "a value stands here without a name before it", "Write `size: .params.size`"),
    ]),
    "a type of lists": ("limit: {type: integer, default: 5}", "limit: {type: integer[]}", [
        ("12:21", "`integer[]` is no type here", "Write `type: array, items: {type: integer}`"),
    ]),
    "a template without quotes": (AUTH, "{header: {Authorization: Bearer {token}}}", [
        ("5:32", "the `{` in this text begins another map", 'Write it in quotes: `Authorization: "Bearer {token}"`'),
    ]),
    "a scheme for a template": (AUTH, "{header: {Authorization: Bearer}}", [
        ("5:32", "`Bearer` names no field of the credential", 'Write "Bearer {token}"'),
    ]),
    "a utility further out": ("  buy:\n", "buy:\n", [
        ("20:1", "`buy` is not a key of a manifest", "Indent it, with what stands below it: it is a utility"),
    ]),
    "headers of all utilities": ("utilities:\n", "headers: {Accept: text/html}\nutilities:\n", [
        ("7:1", "`headers` is not a key of a manifest", "Write it under `api`, where it holds for all utilities"),
    ]),
    "a param's name as the body": (BODY, "body: size", [
        ("29:13", "`size` is sent as the text 'size', and the param", "Write `.params.size`"),
    ]),
    "a param's name under another": (QUERY, "query: {q: .params.q, per_page: limit}", [
        ("16:39", "`limit` is sent as the text 'limit', and the param", "Write `.params.limit`"),
    ]),
    "parentheses without a backslash": (BODY, """body: {size: '"size (.params.size)"'}""", [
        ("29:27", "`(.params.size)` is sent as it stands: it is a text of jq", r"Write `\(.params.size)`"),
    ]),
    "a variable of the shell": (BODY, """body: '{"size": "$size"}'""", [
        ("29:24", "`$size` is sent as it stands: it is a text of jq", "Write `.params.size`, without the quotes"),
    ]),
    "the environment in a request": (BODY, "body: {size: .params.size, key: .env.KEY}", [
        ("29:39", "`.env.KEY` is always null", "Write the value itself"),
    ]),
    "fields without a comma": (TRANSFORM, "'[.[] | {id title}]'", [
        ("19:32", "jq: unexpected a name", "Write `,` between the fields: `{id, title}`"),
    ]),
    "jq that does not compile": (BODY, "body: {size: '.params.size | join(,)'}", [
        ("29:41", "jq: unexpected ','", 'Write `join(",")`'),
    ]),
    "a remark in joined lines": (TRANSFORM, ">\n          # each\n          [.[] |\n          {id, title}]", [
        ("22:23", "jq: unexpected end", "Write `|` in place of `>`, which joins the lines"),
    ]),
    "no jq at all": (TRANSFORM, "''", [
        ("19:20", "`transform` is empty", "Give it a value, or remove the key"),
    ]),
    "null among the choices": ("enum: [s, m, l]", "enum: [s, m, l, null]", [
        ("24:44", "this choice must be a string, is null", "Remove it: null is always allowed"),
    ]),
    "numbers for texts": ("enum: [s, m, l], default: m", "enum: [1, 2.0], default: 2.0", [
        ("24:35", "these choices are numbers, and the type is string", 'Write `type: number`, or each in quotes: `["1", "2.0"]`'),
    ]),
    "counts for texts": ("enum: [s, m, l], default: m", "enum: [1, 2, 3], default: 1", [
        ("24:35", "these choices are integers, and the type is string", 'Write `type: integer`, or each in quotes: `["1", "2", "3"]`'),
    ]),
    "switches for texts": ("enum: [s, m, l], default: m", "enum: [true, false], default: true", [
        ("24:35", "these choices are booleans, and the type is string", "Write `type: boolean` without `enum`"),
    ]),
    "choices of each entry": ("size: {type: string, enum: [s, m, l], default: m}", "size: {type: array, enum: [s, m, l]}", [
        ("24:34", "these choices are strings, and the type is array", "Put them into `items`"),
    ]),
    "texts for counts": ("limit: {type: integer, default: 5}", 'limit: {type: integer, enum: ["5", "10"], default: 5}', [
        ("12:37", "these choices are strings, and the type is integer", "Write `type: string`, or each without quotes: `[5, 10]`"),
    ]),
    "a number beside a text": ("url: /things\n", """url: '"/things/" + .params.limit'\n""", [
        ("15:26", "`limit` is a number, which jq adds to no text", "Write `(.params.limit | tostring)`"),
    ]),
    "a query without its mark": ("url: /things/{id}/orders", "url: /things/{id}&kind=full", [
        ("28:24", "no `?` begins the query of this url", "Write `?` in place of the first `&`"),
    ]),
    "a colon of another script": ("description: Find things", "description\uff1aFind things", [
        ("9:5", "`\uff1a` is not how a key and its value are separated", "Write `description: Find things`"),
    ]),
    "a path of Windows": ("description: A shop", 'description: "C:\\Users"', [
        ("4:19", "this escape needs hexadecimal digits", "Write it as \\u00e9; a backslash that is meant is doubled"),
    ]),
    "brackets in a name": ("limit: {type: integer, default: 5}", "limit: {type: integer}\n      ids[]: {type: array}", [
        ("13:7", "the name `ids[]` must be a name", 'Write ids, and `"ids[]": .params.ids` where it is sent'),
    ]),
    "the end of a stream in jq": (BODY, f"{BODY}\n      stream: {{delta: .text, done: .done}}", [
        ("30:36", "`done` is the data of the last event as it stands, and no jq", "Write `end: .done`"),
    ]),
}  # fmt: skip
FINE = [
    (QUERY, 'query: {q: .params.q, limit: .params.limit, "a:b": full}'),
    (QUERY, """query: {q: '"(\\(.params.q))"', limit: .params.limit}"""),
    (QUERY, "query: {q: .params.q, limit: .params.limit, sort: limit}"),
    (TRANSFORM, "'[.[] | {id, path: \"a/.env.b\", title}]'"),
    (BODY, f'{BODY}\n      stream: {{delta: .text, done: "[DONE]"}}'),
    (AUTH, "{header: {Authorization: '{token}'}}"),
    ("url: /things\n", """url: '"/things/" + (.params.limit | tostring)'\n"""),
    ("url: /things\n", """url: '"/things/" + .params.q'\n"""),
    ("url: /things/{id}/orders", "url: /things/{id}?a=1&kind=full"),
]


def said(folder: Path, texts: list[str]) -> list[list[dict[str, object]]]:
    """What `agentos check` says of each file."""
    for number, text in enumerate(texts):
        (folder / f"s{number:02}.md").write_text(text.replace("id: shop", f"id: s{number:02}"), encoding="utf-8")
    files = json.loads(Console(folder / "home", folder).run("check", folder, "--json").out)["files"]
    told = {Path(file["file"]).name: file["problems"] for file in files}
    return [told[f"s{number:02}.md"] for number in range(len(texts))]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, object]]]:
    assert all(old in SHOP for old, _, _ in MISTAKES.values())
    texts = [SHOP.replace(old, new, 1) for old, new, _ in MISTAKES.values()]
    return dict(zip(MISTAKES, said(tmp_path_factory.mktemp("skills"), texts), strict=True))


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_said_once_at_its_place_with_what_to_write(
    told: dict[str, list[dict[str, object]]], name: str
) -> None:
    found, expected = told[name], MISTAKES[name][2]
    assert [f"{one['line']}:{one['column']}" for one in found] == [place for place, _, _ in expected], found
    for one, (_, message, fix) in zip(found, expected, strict=True):
        assert str(one["message"]).startswith(message), found
        assert str(one["fix"] or "").startswith(fix), found


def test_what_only_looks_like_one_is_fine(tmp_path: Path) -> None:
    assert all(old in SHOP for old, _ in FINE)
    assert said(tmp_path, [SHOP.replace(old, new, 1) for old, new in FINE]) == [[]] * len(FINE)
