"""What is said to do about jq that does not compile."""

import pytest

from tests.manifest.loading import HEAD, utility
from tests.manifest.mistakes import all_problems

FIXES = [
    ('sub("a", "b")', 1, 'Write `sub("…"; "…")`: a `;` stands between arguments'),
    (".a | join", 6, 'Write `join(", ")`'),
    ("tonumber(.a)", 1, "Write `| tonumber` after what it works on: it takes no arguments"),
    ("sort(.a)", 1, "Write `sort_by(.name)`"),
    (".a | nope", 6, 'Write `.nope` for a field, "nope" for a text, or define it under `definitions`'),
    (".created-at", 10, 'Write `.["created-at"]` when that is the name of one field'),
    ("{a: .x-y-z}", 8, 'Write `.["x-y-z"]` when that is the name of one field'),
    (".2fa", 3, 'Write `.["2fa"]`: a name that begins with a digit stands in brackets'),
    (".my field", 5, 'Write `.["my field"]`: it has a space in it'),
    ("map({.id, name})", 6, "Write `id` without its dot: `{id}` takes the field of that name"),
    ("map({id, .name})", 10, "Write `name` without its dot: `{name}` takes the field of that name"),
    ('.a ?? "b"', 7, "Write `//`: it takes the other where the first is null or false"),
    ("map(select(.a in [1, 2]))", 15, "Write `| IN(1, 2)` after what may be one of them"),
    (".a\u00a0| length", 3, "A character that cannot be seen (U+00A0) stands here: type a space, or remove it"),
    (".a[limit]", 4, 'Write `.limit`, or `["limit"]`, for the field of that name'),
    (".a | tostrng", 6, "Write `tostring`, or `.tostrng` for a field"),
    (".a | nonsense", 6, 'Write `.nonsense` for a field, "nonsense" for a text, or define it under `definitions`'),
    ("reduce .[] as x (0; . + $x)", 15, "Write `as $x`: a variable of jq begins with `$`"),
    ("{t: now()}", 9, "Write `now` without the parentheses: it takes no arguments"),
    ('{"a" .a}', 6, "Write a `:` between the name and its value"),
    ("{order.id}", 7, "Write `.order.id`, without the braces"),
    ("env.HOME", 1, "Write `.env` for a field of that name; what a call needs beside the answer is a param"),
    (".a\u200b", 3, "A character that cannot be seen (U+200B) stands here: type a space, or remove it"),
]


def problems(front: str) -> list[tuple[str, str]]:
    (found,) = all_problems([f"---\n{HEAD}{front}\n---\n".encode()])
    return [(str(each.place.position).partition(":")[2], each.fix or "") for each in found]


@pytest.mark.parametrize(("source", "column", "fix"), FIXES)
def test_the_fix_is_about_what_was_written(source: str, column: int, fix: str) -> None:
    front = utility(f"url: https://api.example.com/x\nresponse:\n  transform: |-\n    {source}")
    assert problems(front) == [(f"12:{column + 10}", fix)]


def test_a_definition_without_its_end_is_said_to_lack_it() -> None:
    front = utility("url: https://api.example.com/x", above="definitions: 'def a: .b'")
    assert [fix for _, fix in problems(front)] == ["End each definition with `;`"]
