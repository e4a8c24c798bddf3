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
    "a query": (
        'url: "https://api.example.com/v1/things?q=cat&limit=5"',
        "url: https://api.example.com/v1/things, query: {q: cat}",
        [(4, "`query` is not a key of `request`", "Write it into the `url`")],
    ),
}


def told(folder: Path, case: str) -> list[tuple[int, str, str]]:
    skill = folder / "shop"
    (skill / "cases").mkdir(parents=True)
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
