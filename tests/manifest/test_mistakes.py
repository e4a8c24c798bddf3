"""The mistakes beside the project, when they are there: each is named at its place, with what to write instead."""

import pytest

from agentos_runtime.diagnostics import Problem
from tests.manifest.mistakes import MISTAKES, all_problems

EXPECTED: dict[str, tuple[str, str, str] | None] = {
    "00-base": None,
    "01-indent-param": ("12:6", "does not fit the map", "indentation"),
    "02-indent-utility": ("20:4", "does not fit the map", "indentation"),
    "03-tab": ("15:1", "a tab", "Use spaces"),
    "04-typo-top": ("7:1", "nothing is left to call", "`utilities`"),
    "05-typo-rest-key": ("27:7", "`methd` is not a key", "`method`"),
    "06-typo-param-key": ("11:25", "`requried` is not a key", "`required`"),
    "07-jq-transform": ("19:38", "no `[` is open", "`}`"),
    "08-jq-query": ("16:29", "unexpected end", "after `|`"),
    "09-jq-body": ("29:36", "unexpected end", "after `//`"),
    "10-jq-mapping": ("31:33", "unexpected ..", "one `.`"),
    "11-jq-unknown-func": ("19:50", "`capitalise` is not defined", "definitions"),
    "12-wrong-param-in-jq": ("16:26", "`query` is not a param", "Declare it"),
    "13-unused-param": ("12:7", "`limit` is not used", "remove it"),
    "14-mapping-field-not-in-returns": ("25:15", "`order` is promised", "`order_id`"),
    "15-wrong-returns-type": ("25:22", "`order` is `str`", "`string`"),
    "16-returns-unknown-word": ("13:14", "`list` is no type", "`array`"),
    "17-url-without-scheme": ("6:17", "must be a web address", "https://api.example.com/v1"),
    "18-rest-url-without-slash": ("15:12", "a url begins with", "Write /things"),
    "19-rest-url-no-scheme": ("15:12", "a url begins with", "https://api.example.com/things"),
    "20-auth-missing-header": ("5:7", "nothing says where the key goes", "header: Authorization"),
    "21-auth-type-bearer": ("5:14", "`type` is `bearer`", "type: api_key"),
    "22-prefix-no-space": ("5:54", "without a space", '"Bearer "'),
    "23-duplicate-utility": ("20:3", "given twice", "Keep one"),
    "24-yes-boolean": ("11:35", "must be true or false", "`true`"),
    "25-key-on": ("12:36", "must be a boolean", "`false`"),
    "26-unquoted-brace-jq": ("19:20", "must stand in quotes", "'[.[] | {id, title}]'"),
    "27-unquoted-colon-jq": ("31:35", "a `:` stands where no key can be", "Quote the whole value"),
    "28-unknown-encoding": ("28:17", "`encoding` is `urlencoded`", "`form`"),
    "29-name-not-declared": ("28:21", "`thing_id` is not a param", "Declare it"),
    "30-default-not-in-enum": ("24:54", "must be one of", "Change it"),
    "31-header-number": None,
    "32-utility-dash": ("20:3", "`buy-thing` must be", "buy_thing"),
    "33-utility-camel": ("20:3", "`buyThing` must be", "buy_thing"),
    "34-unknown-type": ("12:21", "`type` is `int`", "`integer`"),
    "35-default-wrong-type": ("12:39", "must be an integer", "quotes"),
    "36-missing-closing": ("1:1", "never ends", "`---`"),
    "37-id-mismatch": ("2:5", "`id` must be", "my-shop"),
    "38-method-lowercase": ("27:15", "`method` is `post`", "`POST`"),
    "39-body-on-get": ("16:7", "a GET with a body", "method: POST"),
    "40-jq-missing-dot": ("16:18", "`params.q` is sent as it stands", "`.params.q`"),
    "41-template-syntax": ("16:18", "`{{q}}` is not how a param is written", "`.params.q`"),
    "42-brace-in-query": ("16:18", "`{q}` is not how a param is written", "`.params.q`"),
    "43-dollar-params": None,
    "44-response-params-dot": ("19:43", "asks the answer", "`$params.q`"),
    "45-no-front-matter": ("1:1", "no line `---` before it", "`---`"),
    "46-secret-in-file": ("5:55", "looks like a secret", "agentos keys set"),
    "47-root-dotted": ("18:15", "JSON Pointer", "/items"),
    "48-root-jsonpath": ("18:15", "JSON Pointer", "/items"),
    "49-required-with-default": ("12:55", "default is never used", "Remove"),
    "50-param-shorthand": ("12:14", "must be a map", "{type: integer}"),
    "51-url-query-inline": ("16:15", "sent twice", "Keep one"),
    "52-jq-single-quote": ("19:44", "ends the text", "doubled"),
    "53-key-in-url": ("6:17", "user name or password", "type: basic"),
    "54-http-url": ("6:17", "can be read and changed", "https://"),
    "55-headers-list": ("29:9", "must be a map", "remove the `- `"),
    "56-auth-header-manual": ("28:40", "`{token}` is sent as it stands", "Remove it"),
    "57-env-var": ("6:17", "reads no environment variables", "agentos keys set"),
    "58-utilities-list": ("20:3", "does not fit the list", "begin with `- `"),
    "59-api-headers": None,
    "60-bool-query": ("16:57", "sent as the text", "`true`"),
    "61-pipe-jq-block": ("20:29", "unexpected end", "`]`"),
    "62-missing-quote": ("21:18", "never closed", "Close it"),
    "63-desc-colon": ("21:21", "a `:` stands where no key can be", "Quote"),
    "64-items-typo": ("16:37", "`.param.limit` is always null", "`.params.limit`"),
}  # fmt: skip
ECHOES = {"12-wrong-param-in-jq": 1, "14-mapping-field-not-in-returns": 1}
"""Where the mistake is one of two places, and nobody can tell which, both are shown."""


@pytest.fixture(scope="module")
def said() -> dict[str, tuple[Problem, ...]]:
    if not MISTAKES.is_dir():
        pytest.skip("the mistakes are not beside this checkout")
    names = sorted(file.parent.name for file in MISTAKES.glob("*/readme.md"))
    return dict(
        zip(names, all_problems((MISTAKES / name / "readme.md").read_bytes() for name in names), strict=True)
    )


@pytest.mark.parametrize("name", EXPECTED)
def test_a_mistake_is_named_at_its_place_with_what_to_write(
    said: dict[str, tuple[Problem, ...]], name: str
) -> None:
    expected, found = EXPECTED[name], said[name]
    if expected is None:
        assert found == ()
        return
    where, words, fix = expected
    here = [
        p for p in found if f"{p.place.position.line}:{p.place.position.column}" == where and words in p.message
    ]
    assert len(here) == 1, "\n".join(map(str, found))
    assert fix in (here[0].fix or ""), here[0].fix
    assert len(found) == 1 + ECHOES.get(name, 0), "\n".join(map(str, found))


def test_every_mistake_that_lies_there_is_expected(said: dict[str, tuple[Problem, ...]]) -> None:
    assert said.keys() == EXPECTED.keys()
