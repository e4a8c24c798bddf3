"""YAML is read as written, and what is built to hurt is refused before it is built."""

# ruff: noqa: E501  (a row of a table is one line)

import functools
import subprocess
import sys
from pathlib import Path

import pytest

from tests.counting import calls_made
from tests.manifest.loading import good, load, load_bytes, texts, utility

ROOT = Path(__file__).parents[2]
NINES = "\n".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
MERGES = "\n".join(
    f"{name}: &{name}\n  <<: [{', '.join([f'*{before}'] * 9)}]" for before, name in zip("abc", "bcd", strict=True)
)
BOMBS = {
    "brackets": "[" * 100_000,
    "braces": "{" * 100_000,
    "block depth": "".join(" " * depth + "-\n" for depth in range(800)),
    "dashes": "- " * 100_000,
    "question marks": "? " * 100_000,
    "laughs": f"a: &a [x, x, x]\n{NINES}",
    "merge keys": f"a: &a {{x: 1}}\n{MERGES}",
    "many aliases": "a: &a 1\nb: [" + "*a, " * 5000 + "]",
    "an alias to itself": "a: &a [*a]",
    "wide": "a: [" + "b," * 250_000 + "]",
    "many keys": "\n".join(f"k{n}: 1" for n in range(60_000)),
    "one key many times": "k: 1\n" * 24_000,
    "too long": "a: " + "x" * 600_000,
    "a long number": "a: " + "9" * 400_000,
    "open quote": 'a: "' + "x" * 400_000,
    "tags": "a: !!python/object/apply:os.system [id]",
}


@pytest.mark.timeout(20)
@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_quickly(name: str) -> None:
    data = f"---\n{BOMBS[name]}\n---\n".encode()
    results = []
    assert calls_made(lambda: results.append(load_bytes(data))) < 150_000
    assert results[0].skill is None
    assert any(problem.severity == "error" for problem in results[0].problems)


@pytest.mark.slow
def test_all_bombs_together_take_little_memory() -> None:
    code = (
        "import resource; from tests.manifest.test_yaml_guard import BOMBS; from tests.manifest.loading import load_bytes\n"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "before = peak()\n"
        "for bomb in BOMBS.values(): load_bytes(f'---\\n{bomb}\\n---\\n'.encode())\n"
        "print((peak() - before) * (1 if __import__('sys').platform == 'darwin' else 1024))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert int(done.stdout) < 64 * 1024 * 1024 * 5


def test_what_a_valid_file_costs_grows_with_its_length_only() -> None:
    one = utility(
        "url: https://api.example.com/x\nquery: {a: .params.a, b: 1, c: text}", params="a: {type: string}"
    )
    body = one.removeprefix("utilities:\n")

    def load(count: int) -> None:
        front = "utilities:\n" + "\n".join(body.replace("  go:", f"  go{n}:", 1) for n in range(count))
        assert len(good(front).utilities) == count

    load(1)
    small, large = (calls_made(functools.partial(load, count)) for count in (20, 200))
    assert large < 10.5 * small


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("no", "no"),
        ("Yes", "Yes"),
        ("on", "on"),
        ("True", "True"),
        ("true", True),
        ("false", False),
        ("1.10", 1.1),
        ("010", "010"),
        ("0x1F", "0x1F"),
        ("1_000", "1_000"),
        ("1:30", "1:30"),
        (".5", ".5"),
        (".inf", ".inf"),
        ("2023-06-01", "2023-06-01"),
        ("2001-12-14t21:59:43.10-05:00", "2001-12-14t21:59:43.10-05:00"),
        ("12345678901234567891", 12345678901234567891),
        ("-1", -1),
        ("1e3", 1000.0),
        ("null", None),
        ("~", None),
        ("=", "="),
    ],
)
def test_values_are_what_they_look_like(written: str, value: object) -> None:
    extras = good(f"testing: {{a: {written}}}").extras
    kept = extras["testing"]
    assert isinstance(kept, dict)
    assert kept["a"] == value
    assert type(kept["a"]) is type(value)


def test_keys_are_text_whatever_they_look_like() -> None:
    kept = good("testing: {no: 1, 1.10: 2, true: 3, null: 4}").extras["testing"]
    assert isinstance(kept, dict)
    assert list(kept) == ["no", "1.10", "true", "null"]


def test_a_key_given_twice_is_refused_naming_both_lines() -> None:
    assert texts("color: '#111'\nwebsite: https://a.example\ncolor: '#222'") == [
        "7:1 `color` is given twice: here and on line 5. Keep one of them"
    ]


def test_an_alias_stands_for_what_it_names() -> None:
    skill = good("testing: {a: &name {b: [1]}, c: *name}")
    assert skill.extras["testing"] == {"a": {"b": [1]}, "c": {"b": [1]}}


@pytest.mark.parametrize(
    ("front", "expected"),
    [
        ("testing: {a: b: c}", "5:15"),
        ("instructions: it: is", "5:17 a `:` stands where no key can be. Quote the whole value"),
        ('instructions: "never', "5:15 a quote that opens on line 5 is never closed. Close it"),
        ('instructions: "a \\d"', "5:18 this backslash begins no escape that YAML knows. Use single quotes"),
        ("testing:\n\t- a", "6:1 a tab is used for indentation. Use spaces"),
        ("instructions: @b", "5:15 a value cannot begin with `@`. Put it in quotes"),
        ("instructions: *", "5:16 a value cannot begin with `*` or `&`. Put it in quotes"),
        ("instructions: *b", "5:15 `*b` stands for nothing that was named before it"),
        ("testing: [a, b", "6:1 the list that opens on line 5 goes wrong here. Add the missing `,` or `]`"),
        ("testing: {a, b", "6:1 the map that opens on line 5 goes wrong here. Add the missing `,` or `}`"),
        ("testing:\n - a\n b: 1", "7:2 this line does not fit the list that begins on line 6"),
        ("instructions: 'it's'", "5:19 this line does not fit the map that begins on line 2"),
        ("instructions: | x\n  y", "5:17 something follows the `|` or `>`"),
        ("testing: - b", "5:10 a list cannot begin here. Begin it on the next line"),
        ("testing: !x a", "5:10 YAML tags (`!…`) are not allowed"),
        ("testing: &x a\ncredits: {<<: *x}", "6:11 merge keys (`<<`) are not part of the language"),
        ("? [a]\n: b", "5:3 a key must be a word, not a map, a list or an alias"),
        ("instructions: a\u2028b", "5:16 an invisible character (U+2028) stands here"),
        ("instructions: a\x07b", "5:16 an invisible character (U+0007) stands here"),
        ("testing: {a: 1e999}", "5:14 this number is too large"),
        ("a: 1\n...\nb: 2", "7:1"),
    ],
)
def test_broken_yaml_is_explained_where_it_breaks(front: str, expected: str) -> None:
    assert texts(front)[0].startswith(expected)


def test_nothing_is_built_of_a_refused_file() -> None:
    result = load("testing: !!python/name:os.system x")
    assert (result.skill, result.checks) == (None, ())
