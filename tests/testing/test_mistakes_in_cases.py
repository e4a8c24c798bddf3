"""What people who know other tests write into cases: each mistake is told once, at its place, with what to do."""

import json
from pathlib import Path

import pytest

from tests.cli.console import Console
from tests.manifest.test_newcomers import SHOP

GOOD = """\
description: A search
utility: search
params: {q: cat}
request: {method: GET, url: "https://api.example.com/v1/things?q=cat&limit=5"}
response: {body: {items: [{id: 1, title: A}]}}
reply: [{id: 1, title: A}]
"""
MISTAKES: dict[str, tuple[str, str, list[tuple[int, str, str]]]] = {
    "nothing": ("", "", []),
    "no utility": ("utility: search\n", "", [(1, "a case needs `utility`", "Add `utility: …`")]),
    "params by another name": ("params:", "input:", [(3, "`input` is not a key", "Did you mean `params`?")]),
    "reply by another name": ("reply:", "expected:", [(6, "`expected` is not a key", "Did you mean `reply`?")]),
    "a name": (
        "description:",
        "name: a\ndescription:",
        [(1, "`name` is not a key", "Remove it: `description` is there")],
    ),
    "an answer as a text": (
        "response: {body: {items: [{id: 1, title: A}]}}",
        "response: '[]'",
        [(5, "`response` must be a map", "Write `response: {body: '[]'}`")],
    ),
    "an error as a word": (
        "reply: [{id: 1, title: A}]",
        "error: upstream_rejected",
        [(6, "`error` must be a map", "Write `error: {code: upstream_rejected}`")],
    ),
    "params as a list": (
        "params: {q: cat}",
        "params: [cat]",
        [(3, "`params` must be a map, is a list", "Write the value of each param behind its name")],
    ),
    "params as a text": (
        "params: {q: cat}",
        "params: q=cat",
        [(3, "`params` must be a map, is text", "Write `params: {q: cat}`")],
    ),
    "an error as a list": (
        "reply: [{id: 1, title: A}]",
        "error: [upstream_rejected]",
        [(6, "`error` must be a map, is a list", "Write `error: {code: upstream_rejected}`")],
    ),
    "a utility as a list": (
        "utility: search",
        "utility: [search]",
        [(2, "`utility` must be text, is a list", "")],
    ),
    "a utility with its skill": (
        "utility: search",
        "utility: shop/search",
        [(2, "the skill shop has no utility `shop/search`", "Did you mean `search`?")],
    ),
    "an answer as a list": (
        "response: {body: {items: [{id: 1, title: A}]}}",
        "response: [{id: 1}]",
        [(5, "`response` must be a map, is a list", "Write what the service answers below `body`")],
    ),
    "an answer without its body": (
        "response: {body: {items: [{id: 1, title: A}]}}",
        "response: {items: []}",
        [
            (
                5,
                "`items` is not a key of `response`",
                "What the service answers stands in `body`: `body: {items: …}`",
            )
        ],
    ),
    "a status by another name": (
        "response: {body:",
        "response: {code: 200, body:",
        [(5, "`code` is not a key of `response`", "Did you mean `status`?")],
    ),
    "a request as a line": (
        'request: {method: GET, url: "https://api.example.com/v1/things?q=cat&limit=5"}',
        "request: get https://api.example.com/v1/things",
        [
            (
                4,
                "`request` must be a map",
                'Write `request: {method: GET, url: "https://api.example.com/v1/things"}`',
            )
        ],
    ),
    "a status at the top": (
        "reply:",
        "status: 200\nreply:",
        [(6, "`status` is not a key", "Write it below `response`")],
    ),
    "a url at the top": ("reply:", "url: x\nreply:", [(6, "`url` is not a key", "Write it below `request`")]),
    "a method at the top": (
        "reply:",
        "method: get\nreply:",
        [(6, "`method` is not a key", "Write it below `request`")],
    ),
    "an error that is none": (
        "reply: [{id: 1, title: A}]",
        "error: {code: upstream_conflct}",
        [(6, "no error has the code `upstream_conflct`", "Did you mean `upstream_conflict`?")],
    ),
    "an error by the end of its name": (
        "reply: [{id: 1, title: A}]",
        "error: {code: payment_required}",
        [(6, "no error has the code `payment_required`", "Did you mean `upstream_payment_required`?")],
    ),
    "an error of the service itself": (
        "reply: [{id: 1, title: A}]",
        "error: {code: ERR_42}",
        [(6, "no error has the code `ERR_42`", "The code of the service itself stands in `upstream: {code: …}`")],
    ),
    "an error as a status": (
        "reply: [{id: 1, title: A}]",
        "error: {code: 409}",
        [(6, "`code` must be text, is a number", "Write `code: upstream_conflict`")],
    ),
    "an error with a message": (
        "reply: [{id: 1, title: A}]",
        "error: {code: upstream_conflict, message: gone}",
        [(6, "`message` is not a key of an error", "Write `error: …` for the sentence")],
    ),
    "a key of an error": (
        "reply: [{id: 1, title: A}]",
        "error: {code: upstream_conflict, upstraem: {}}",
        [(6, "`upstraem` is not a key of an error", "Did you mean `upstream`?")],
    ),
    "a query": (
        'url: "https://api.example.com/v1/things?q=cat&limit=5"',
        "url: https://api.example.com/v1/things, query: {q: cat}",
        [(4, "`query` is not a key of `request`", "Write it into the `url`")],
    ),
}


def told(folder: Path, case: str) -> list[tuple[int, str, str]]:
    skill = folder / "shop"
    (skill / "cases").mkdir(parents=True, exist_ok=True)
    (skill / "readme.md").write_text(SHOP, encoding="utf-8")
    (skill / "cases" / "a.yaml").write_text(case, encoding="utf-8")
    done = Console(folder / "home", folder / "skills").run("check", skill, "--json")
    found = [one for file in json.loads(done.out)["files"] for one in file["problems"]]
    return [(one["line"], one["message"], one["fix"] or "") for one in found]


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_in_a_case_is_told_once_with_what_to_write(tmp_path: Path, name: str) -> None:
    old, new, expected = MISTAKES[name]
    assert old in GOOD
    found = told(tmp_path, GOOD.replace(old, new, 1))
    assert len(found) == len(expected), found
    for (line, message, fix), (at, begins, starts) in zip(found, expected, strict=True):
        assert (line, message.startswith(begins), fix.startswith(starts)) == (at, True, True), found


@pytest.mark.parametrize(
    ("case", "message", "fix"),
    [
        ("", "this case is empty", "Write `description`"),
        ("cases:\n- description: a\n", "a file is one case", "Write what stands in it"),
        ("- description: a\n", "a case must be a map of keys", "Remove the `- `"),
    ],
)
def test_a_file_that_is_no_case_as_a_whole_is_told_once(tmp_path: Path, case: str, message: str, fix: str) -> None:
    (found,) = told(tmp_path, case)
    assert (found[0], found[1].startswith(message), found[2].startswith(fix)) == (1, True, True), found


def test_what_lies_among_cases_and_is_never_read_is_warned_of(tmp_path: Path) -> None:
    cases = tmp_path / "shop" / "cases"
    (cases / "more").mkdir(parents=True)
    (cases / "notes").mkdir()
    for name in ("more/b.yaml", "C.YAML", "d.json", "good.yml", "notes/e.txt", "readme.md"):
        (cases / name).write_text(GOOD, encoding="utf-8")
    found = told(tmp_path, GOOD)
    said = "this is not read: a case is a file cases/NAME.yaml"
    assert found == [
        (1, said, f"Move it to `cases/{name}.yaml`, or away from the cases") for name in ("c", "d", "b")
    ]


@pytest.mark.parametrize(
    ("key", "fix"),
    [
        ("status: 200", "Write it below `response`"),
        ("url: https://a.example.com", "Write it below `request`"),
        ("respons: {}", "Did you mean `response`?"),
        ("delay: 5", "Known keys: request, response"),
    ],
)
def test_a_key_of_an_exchange_that_is_none_is_told_with_its_place(tmp_path: Path, key: str, fix: str) -> None:
    request, response = (line for line in GOOD.splitlines() if line.startswith(("request:", "response:")))
    case = GOOD.replace(f"{request}\n{response}\n", f"exchanges:\n  - {request}\n    {response}\n    {key}\n")
    assert told(tmp_path, case) == [(7, f"`{key.split(':')[0]}` is not a key of an exchange", fix)]
