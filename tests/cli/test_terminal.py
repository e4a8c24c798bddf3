"""Text of others reaches the terminal as text: nothing in it is obeyed, reordered or hidden."""

# ruff: noqa: E501  (a row of a table is one line)

import json
import unicodedata
from pathlib import Path

import pytest
from click import unstyle
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agentos_runtime.cli.terminal.carets import render, underline
from agentos_runtime.cli.terminal.output import harmless, json_text, plain, say, style, width
from agentos_runtime.diagnostics import Place, Position, Problem
from agentos_runtime.visible import visible, visible_json
from tests.cli.console import Console
from tests.manifest.loading import load, utility
from tests.toy.raw import Toy, answer_json

STEERING = (
    "\x1b[2J", "\x1b]0;title\x07", "\r", "\x08", "\x00", "\x7f", "\x85", "\x9b31m", "\u202a", "\u202e", "\u2066", "\u2069",
    "\u200e", "\u200f", "\u061c", "\u200b", "\u2060", "\ufeff", "\u2028", "\u2029", "\U000e0041", "\ud800", "\u115f", "\ufe00",
    "\U000e0100", "\u00ad",
)  # fmt: skip
hostile = st.lists(st.sampled_from(STEERING) | st.text(max_size=4), max_size=6).map("".join)


def shows_as_itself(text: str, keep: str = "") -> bool:
    return all(char.isprintable() or char in keep or unicodedata.category(char) == "Zs" for char in text)


@given(text=hostile)
def test_whatever_the_text_what_is_shown_shows_as_itself(text: str) -> None:
    assert shows_as_itself(plain(text))
    assert shows_as_itself(harmless(text), keep="\n\t")
    assert shows_as_itself(visible(text))
    assert visible(visible(text)) == visible(text)


@given(
    value=st.recursive(
        hostile | st.integers() | st.none(),
        lambda below: st.lists(below) | st.dictionaries(hostile, below),
        max_leaves=6,
    )
)
def test_json_is_shown_with_the_same_value(value: object) -> None:
    for text in (json_text(value), visible_json(json.dumps(value, ensure_ascii=False))):  # type: ignore[arg-type]
        assert shows_as_itself(text, keep="\n")
        assert json.loads(text) == value


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=hostile)
def test_what_is_printed_is_escaped_whoever_forgot_to(capsys: pytest.CaptureFixture[str], text: str) -> None:
    say(f"{style('said:', bold=True)} {text}")
    say(f"{text} {style('said', fg='red')}", err=True)
    printed = capsys.readouterr()
    assert shows_as_itself(unstyle(printed.out) + unstyle(printed.err), keep="\n\t")


@pytest.mark.parametrize("text", ["héllo", "日本語", "❤️", "a\xa0b", "naïve — “quotes” …", "Привет"])
def test_the_letters_of_people_stay_as_they_are(text: str) -> None:
    assert plain(text) == visible(text) == text.replace("\xa0", " ") or visible(text) == text


@given(before=hostile.filter(lambda text: "\n" not in text), word=st.text("abc", min_size=1, max_size=5))
def test_the_caret_stays_under_its_character_when_escapes_widen_the_line(before: str, word: str) -> None:
    shown, carets = underline(before + word, len(before) + 1, len(word))
    at = len(carets) - len(carets.lstrip(" "))
    columns, index = 0, 0
    while columns < at:
        columns += width(shown[index])
        index += 1
    assert shown[index:].startswith(word)
    assert carets.strip(" ") == "^" * len(word)


def test_a_problem_cannot_forge_another_line() -> None:
    place = Place("a\x1b[1A\u202e", Position("x.md", 1, 1))
    text = unstyle(render(Problem("bad\rgood\x1b[2K", place, "do\u2028this"), ["a: \x1b[31mred\u202e"]))
    assert shows_as_itself(text, keep="\n")
    assert len(text.split("\n")) == 4


def test_a_strangers_text_cannot_colour_itself() -> None:
    mark = style("x").split("x")[0]
    assert mark != style("x")
    assert "\x1b" not in plain(mark) + harmless(mark)


NAMED = {
    "id": "id: a\u202eb\nname: A\ndescription: x\n",
    "name": 'id: a\nname: "A\\x1b[2J"\ndescription: x\n',
}
PLACES = {
    "label": (
        utility("url: https://a.example/x", above='auth: {type: api_key, header: A, label: "%s"}'),
        "`label`",
    ),
    "header": (utility("url: https://a.example/x", above='auth: {type: api_key, header: "A%s"}'), "`header`"),
    "query": (utility("url: https://a.example/x", above='auth: {type: api_key, query: "k%s"}'), "`query`"),
    "help": (
        utility("url: https://a.example/x", above='auth: {type: api_key, header: A, help_url: "https://a%s"}'),
        "`help_url`",
    ),
    "credential": (
        utility("url: https://a.example/x", above='auth: {credentials: {"a%s": {type: basic}}}'),
        "this name",
    ),
    "param": (utility("url: https://a.example/x", params='"p%s": {}'), "this name"),
    "query name": (utility('url: https://a.example/x\nquery: {"q%s": a}'), "this name"),
    "body name": (utility('method: POST\nurl: https://a.example/x\nbody: {a: {"q%s": a}}'), "this name"),
    "url": (utility('url: "https://a.example/x%s"'), "`url`"),
    "website": ('website: "https://a.example/%s"', "`website`"),
    "utility": ('utilities: {"u%s": {description: x, rest: {url: https://a.example}}}', "this name"),
    "setting": ('settings: {"s%s": {default: a}}', "this name"),
}


@pytest.mark.parametrize(
    "char", ["\\x1b", "\\r", "\\n", "\\u202e", "\\u2066", "\\u200b", "\\u2028", "\\U000e0041", "\\x85"]
)
@pytest.mark.parametrize("place", PLACES)
def test_a_name_with_a_character_that_steers_is_an_error_with_its_place(place: str, char: str) -> None:
    front, what = PLACES[place]
    result = load(front.replace("%s", char))
    assert result.skill is None
    if char == "\\n" and not any("does not show" in p.message for p in result.problems):
        return  # told in the words of the place: in a url it is a space, in a header no name
    found = [p for p in result.problems if "does not show as itself" in p.message]
    assert found, result.problems
    assert found[0].message.startswith(what)
    assert found[0].fix == "Remove it"
    assert found[0].place.position.line >= 5


SKILL = """---
id: toy
name: Toy
description: A toy
auth: none
utilities:
  say: {description: "Says\\e[2J\\u202e it", rest: {url: https://toy.example/say}}
---
# Toy
Docs \u202e\x1b[31m here.
"""


def test_no_command_prints_what_a_file_an_upstream_or_an_argument_wants_the_terminal_to_do(tmp_path: Path) -> None:
    said = "hi\x1b[31m\u202e\u2066\x9b\U000e0041\u2028\x07"
    with Toy(answer_json({said: [said]})) as toy:
        rewrite = {"AGENTOS_REWRITE": f"https://toy.example={toy.origin}"}
        console = Console(tmp_path / "home", tmp_path / "skills", rewrite)
        (console.skills / "toy").mkdir(parents=True)
        (console.skills / "toy" / "readme.md").write_text(SKILL, encoding="utf-8")
        (console.skills / "bad.md").write_text("---\nid: bad\nna\u202e\x07me: \x1b[2J\n---\n", encoding="utf-8")
        for args in (
            ("list",), ("list", "--json"), ("show", "toy"), ("show", "toy", "say"), ("show", "toy", "--json"), ("check",),
            ("check", "--json"), ("call", "toy", "say"), ("call", "toy", "say", "--stream"), ("call", "toy", said[:9]),
            ("call", "toy", "say", "--explain"), ("call", "toy", "say", "--dry-run"), ("show", f"t{said}"), (f"x{said}",),
            ("activity",), ("usage",), ("doctor",), ("keys", "list"), ("keys", "set", f"t{said}"), ("test", "toy"),
            ("call", "toy", "say", f"a{said}"), ("agents", "add", f"a{said}"), ("import", "curl", f"curl {said}", "--id", "x"),
        ):  # fmt: skip
            done = console.run(*args)
            assert shows_as_itself(done.out + done.err, keep="\n\t"), (args, done)
            assert "bug of agentos" not in done.err, args
        done = console.run("call", "toy", "say")
        assert done.code == 0
        assert done.json == {said: [said]}
