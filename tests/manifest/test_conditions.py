"""Conditions that are true whatever comes, told with what works."""

# ruff: noqa: E501  (a row of a table is one line)
import pytest

from tests.manifest.mistakes import all_problems
from tests.manifest.test_newcomers import SHOP

AUTH = 'auth: {type: api_key, header: Authorization, prefix: "Bearer "}'
JQ = "transform: '[.[] | {id, title}]'"
ROOT = "root: /items"
BODY = "body: {size: .params.size}"
ORDER = "returns: {order: string}"
POLL = "      poll: {url: .url, until: '.state == \"done\"'}\n"
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
}  # fmt: skip


@pytest.mark.parametrize("name", CONDITIONS)
def test_what_is_meant_otherwise_is_told_with_what_works(name: str) -> None:
    old, new, said = CONDITIONS[name]
    assert old in SHOP
    (found,) = all_problems([SHOP.replace(old, new, 1).encode()])
    told = [f"{one.place.position.line}:{one.place.position.column} {one.fix}" for one in found]
    assert told == [said]
