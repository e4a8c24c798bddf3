"""A mistake anywhere in a skill that is right: `check` names its line, and never fails itself."""

import re
from functools import cache

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agentos_runtime.diagnostics import Problem
from agentos_runtime.manifest.result import LoadResult
from tests.docs.pages import DOCS, ROOT, blocks
from tests.manifest.loading import load_bytes, utility
from tests.sizes import examples

INTERNAL = re.compile(
    r"Traceback|Error\b|object at 0x|NoneType|jsonschema|libyaml|\bdict\b|anyOf|patternErrorMessage|\$defs"
)
KEY = re.compile(r"^(\s*)([a-z_]{4,}):(?=\s|$)")
KNOWN = frozenset(
    {
        "description",
        "params",
        "returns",
        "rest",
        "method",
        "url",
        "headers",
        "query",
        "body",
        "response",
        "transform",
    }
    | {"mapping", "required", "type", "enum", "default", "encoding", "items", "properties", "timeout", "stream"}
)
FREE = re.compile(r"\b(?:body|headers|query|example|default|enum|mapping|testing|metadata|seed):")
NAMES = re.compile(r"\b(?:utilities|params|returns|properties|definitions|settings|credentials):")
"""Below these, keys are the author's own."""
VALUES = re.compile(r"(?<=[ {,])(type|required|method|encoding|timeout|effect): ([\w.]+)")


@cache
def skills() -> list[str]:
    """Whole skills: the bundled ones that stand in one file, those of the docs, and some of the tests' own."""
    bundled = [file.read_text(encoding="utf-8") for file in sorted(ROOT.glob("skills/*/readme.md"))]
    shown = [block.text for page in ("authoring.md", "manifest.md", "checking.md") for block in blocks(DOCS / page)]
    small = utility("url: https://a.example/x\nquery: {q: .params.q}", params="q: {type: string}")
    own = [f"---\nid: a\nname: A\ndescription: x\n{small}\n---\n"]
    texts = [text for text in (*bundled, *shown, *own) if "\nutilities:" in text and "\nparts:" not in text]
    return [text for text in texts if text.startswith("---\nid:") and all_of(load_bytes(text.encode())) == ()]


def all_of(result: LoadResult) -> tuple[Problem, ...]:
    found = result.problems or (result.skill.warnings if result.skill else ())
    return tuple(problem for problem in found if "icon" not in problem.message)


@cache
def ours() -> list[str]:
    """Those in our own language: files of AgentOS are read more leniently (the test at the end)."""
    loaded = ((text, load_bytes(text.encode()).skill) for text in skills())
    return [text for text, skill in loaded if skill is None or skill.dialect is None]


def front(text: str) -> list[int]:
    """The indexes of the lines of the front matter."""
    lines = text.split("\n")
    return list(range(1, lines.index("---", 1)))


def misspelt(text: str, number: int, pick: int) -> str | None:
    lines = text.split("\n")
    found = KEY.match(lines[number])
    if found is None or found[2] not in KNOWN or inside_a_block(lines, number):
        return None
    if not is_declared(lines, number, "") or NAMES.search(parent(lines, number)):
        return None
    at = 1 + pick % (len(found[2]) - 2)
    wrong = found[2][:at] + found[2][at + 1] + found[2][at] + found[2][at + 2 :]
    wrong = wrong if wrong != found[2] else found[2][:at] + found[2][at + 1 :]
    lines[number] = f"{found[1]}{wrong}:{lines[number][found.end() :]}"
    return "\n".join(lines)


def wrong_value(text: str, number: int, pick: int) -> str | None:
    lines = text.split("\n")
    found = [
        one for one in VALUES.finditer(lines[number]) if is_declared(lines, number, lines[number][: one.start()])
    ]
    if not found or inside_a_block(lines, number):
        return None
    one = found[pick % len(found)]
    wrong = ("wrongly", "[a, {b: c}]", "{a: b}")[pick % 3]
    lines[number] = lines[number][: one.start(2)] + wrong + lines[number][one.end(2) :]
    return "\n".join(lines)


def unclosed(text: str, number: int, pick: int) -> str | None:
    """A quote, brace or bracket that nothing closes."""
    lines = text.split("\n")
    found = re.match(r"^(\s*[a-z_]+): (['\"{\[]).*['\"}\]]$", lines[number])
    if found is None or inside_a_block(lines, number):
        return None
    lines[number] = lines[number][:-1]
    return "\n".join(lines)


def tab(text: str, number: int, pick: int) -> str | None:
    lines = text.split("\n")
    if not re.match(r"^  +[a-z_]+:", lines[number]) or inside_a_block(lines, number):
        return None
    lines[number] = "\t" + lines[number].lstrip()
    return "\n".join(lines)


def is_declared(lines: list[str], number: int, before: str) -> bool:
    """Whether a key is one of the language: not within quotes, and not in what is sent or given as it stands."""
    if before.count('"') % 2 or before.count("'") % 2 or FREE.search(before):
        return False
    indent = len(lines[number]) - len(lines[number].lstrip())
    for above in reversed(lines[:number]):
        depth = len(above) - len(above.lstrip())
        if above.strip() and depth < indent:
            indent = depth
            if FREE.search(above):
                return False
    return True


def parent(lines: list[str], number: int) -> str:
    indent = len(lines[number]) - len(lines[number].lstrip())
    above = (line for line in reversed(lines[:number]) if line.strip() and len(line) - len(line.lstrip()) < indent)
    return next(above, "")


def inside_a_block(lines: list[str], number: int) -> bool:
    """Whether the line is text of a block or of something that goes over several lines."""
    indent = len(lines[number]) - len(lines[number].lstrip())
    for above in reversed(lines[:number]):
        depth = len(above) - len(above.lstrip())
        if above.strip() and depth < indent:
            return bool(re.search(r"[|>][-+]?$", above)) or not re.search(r":( *[|>][-+]?)?$", above)
    return False


MISTAKES = (misspelt, wrong_value, unclosed, tab)


def test_there_are_skills_to_spoil() -> None:
    assert len(skills()) >= 4


@settings(
    max_examples=examples(150),
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
    deadline=None,
)
@given(st.data())
def test_a_mistake_is_named_on_its_line_or_where_it_opens(data: st.DataObject) -> None:
    text = data.draw(st.sampled_from(ours()))
    number = data.draw(st.sampled_from(front(text)))
    make = data.draw(st.sampled_from(MISTAKES))
    spoilt = make(text, number, data.draw(st.integers(0, 20)))
    if spoilt is None or spoilt == text:
        return
    found = all_of(load_bytes(spoilt.encode()))
    assert found, f"silent about line {number + 1}: {spoilt.splitlines()[number]}"
    lines = {problem.place.position.line for problem in found}
    near = {number + 1} if make in (misspelt, wrong_value) else {number, number + 1, number + 2}
    assert lines & near or make is unclosed, f"line {number + 1}: {spoilt.splitlines()[number]}\n" + "\n".join(
        map(str, found)
    )
    assert [str(problem) for problem in found if INTERNAL.search(f"{problem.message} {problem.fix}")] == []


@settings(max_examples=examples(100), suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.data())
def test_any_line_lost_moved_or_cut_is_read_without_failing(data: st.DataObject) -> None:
    text = data.draw(st.sampled_from(skills()))
    lines = text.split("\n")
    number = data.draw(st.sampled_from(front(text)))
    line = lines[number]
    cut = data.draw(st.integers(0, len(line)))
    lines[number] = data.draw(
        st.sampled_from(
            [line[:cut], line[cut:], " " + line, line[:cut] + "'" + line[cut:], line[:cut] + ": " + line[cut:]]
        )
    )
    for problem in all_of(load_bytes("\n".join(lines).encode())):
        assert problem.message
        assert problem.place.position.line >= 1
        assert not INTERNAL.search(f"{problem.message} {problem.fix}")


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("    dsecription: What it does", "description"),
        ("    pramas: {id: {type: string}}", "params"),
        ("    sql: {qeury: SELECT 1}", "query"),
        ("    command: {bniary: ls}", "binary"),
        ("    python: {module: ./x.py, funtcion: f}", "function"),
    ],
)
def test_a_misspelt_key_of_a_callable_is_told_where_it_stands(line: str, meant: str) -> None:
    text = f"---\nid: demo\nname: D\ndescription: D\ndatabase: ~/a.db\noperations:\n  thing.get:\n{line}\n---\n"
    told = [each for each in all_of(load_bytes(text.encode())) if f"Did you mean `{meant}`?" in (each.fix or "")]
    assert [each.place.position.line for each in told] == [8]
