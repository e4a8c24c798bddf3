"""LAP files become skills, and what LAP leaves out is told."""

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentos_runtime.importers.api import ImportProblem, Losses
from agentos_runtime.importers.lap.fields import read_fields
from agentos_runtime.importers.lap.reader import read_lap
from tests.importers.documents import KENNEL_LAP
from tests.importers.workshop import Workshop
from tests.sizes import examples


def test_a_lap_file_becomes_a_skill(workshop: Workshop) -> None:
    front = workshop.imported(KENNEL_LAP, kind="lap")
    assert front["auth"] == {"type": "api_key", "header": "X-Kennel-Key"}
    assert front["api"] == {"base_url": "https://kennel.example.com/v2"}
    assert front["sources"]["lap"]["version"] == "2.1"
    assert list(front["utilities"]) == ["list_dogs", "create_dog", "update_dog", "delete_dog"]
    assert front["utilities"]["list_dogs"] == {
        "description": "List dogs",
        "params": {
            "size": {"type": "string", "enum": ["small", "large"], "description": "How large, small or other"},
            "per": {
                "type": "object",
                "properties": {
                    "a": {"type": "array", "required": True, "items": {"type": "integer"}},
                    "b": {"type": "string"},
                },
            },
        },
        "returns": "array",
        "rest": {
            "url": "/dogs",
            "query": {"size": ".params.size", "per": ".params.per"},
            "paginate": {"style": "page", "items": "/data"},
        },
    }
    assert front["utilities"]["create_dog"]["params"] == {
        "name": {"type": "string", "required": True, "description": "What it answers to, e.g. Rex: the king"},
        "born": {"type": "string", "description": "YYYY-MM-DD"},
        "tags": {"type": "array", "items": {"type": "string"}},
        "happy": {"type": "boolean", "description": "Default: True"},
        "size": {"type": "string"},
    }
    assert front["utilities"]["update_dog"]["params"]["happy"] == {
        "type": "boolean",
        "description": "Default: True",
    }
    assert front["utilities"]["delete_dog"]["returns"] == "void"


def test_what_lap_does_not_say_is_told(workshop: Workshop) -> None:
    losses = workshop.losses(KENNEL_LAP, kind="lap")
    assert any("where a param goes" in loss for loss in losses)
    assert losses["the directive @whatever is not known"] == ["line 22"]
    assert losses["it takes `stream`, but nothing says what its events are: the field is left out"] == [
        "POST /dogs"
    ]
    slashed = "choices are parted by `/`, so one that holds a `/` has become two; they are not checked"
    assert losses[slashed] == ["POST /dogs size"]
    assert "calls can be proven in several ways; the first is used" in losses


def test_a_lap_skill_is_brought_up_to_date_like_any_other(workshop: Workshop) -> None:
    workshop.imported(KENNEL_LAP, kind="lap")
    workshop.edit("description: List dogs", "description: Our dogs")
    report = workshop.report(KENNEL_LAP.replace("Update a dog", "Change a dog"), kind="lap")
    assert report["changed"] == {"update_dog": ["description"]}
    assert workshop.front()["utilities"]["list_dogs"]["description"] == "Our dogs"


REFUSED = [
    ("@api X", "no line `@lap v…`"),
    ("@lap v1\n@api X", "--base-url"),
    ("@lap v1\n@base https://a.example\n@desc X", "Line 3 of the LAP file stands before the first @endpoint"),
    ("@lap v1\n@base https://a.example\n@endpoint /a", "Line 3 of the LAP file: `@endpoint METHOD /path`"),
]  # fmt: skip
ODD = [
    ("@optional {a: }", "Line 4 of the LAP file: a type"),
    ("@optional {a str}", "`name: type` is expected"),
    (f"@optional {{a: {'[' * 99}", "nested more than 40"),
]


@pytest.mark.parametrize(("line", "words"), ODD)
def test_a_line_that_cannot_be_read_is_told(workshop: Workshop, line: str, words: str) -> None:
    text = f"@lap v1\n@base https://a.example\n@endpoint GET /a\n{line}"
    told = workshop.losses(text, kind="lap")["what cannot be read is left out"]
    assert any(words in line for line in told)


@pytest.mark.parametrize(("text", "words"), REFUSED)
def test_a_lap_file_that_cannot_be_read_is_refused_at_its_line(workshop: Workshop, text: str, words: str) -> None:
    done = workshop.run("lap", workshop.document(text))
    assert done.code == 1
    assert words in done.err


words = st.text("abcdefgh ,.:()#/-", max_size=40).map(lambda text: " ".join(text.split()).strip("#, "))
kinds = st.recursive(
    st.sampled_from(["str", "int", "num", "bool", "any", "str(uuid)", "str(a/b)", "int?", "str(date-time)?"]),
    lambda below: st.one_of(below.map(lambda kind: f"[{kind}]"), below.map(lambda kind: f"map{{x!: {kind}}}")),
    max_leaves=4,
)


@settings(max_examples=examples(100), deadline=None)
@given(st.lists(st.tuples(st.sampled_from("klmnop"), kinds, words), min_size=1, max_size=5))
def test_every_field_is_found_whatever_its_remark_says(fields: list[tuple[str, str, str]]) -> None:
    written = [f"{name}: {kind}" + (f" # {remark}" if remark else "") for name, kind, remark in fields]
    found, rest = read_fields("{" + ", ".join(written) + "} # behind", 1, [])
    assert [(one.name, one.remark) for one in found] == [(name, remark) for name, _, remark in fields]
    assert rest == "behind"


@settings(max_examples=examples(200), deadline=None)
@given(st.text("@ablendpoints{}[]:,#=!?()/ \nGET", max_size=80))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(ImportProblem):
        read_lap(f"@lap v1\n@base https://a.example\n@endpoint POST /a\n@optional {{{text}", Losses())


def test_an_odd_line_costs_what_it_is_about_and_is_listed(workshop: Workshop) -> None:
    text = "\n".join(
        [
            "@lap v0.3",
            "@api T",
            "@base https://a.example.com",
            "@endpoint GET /things",
            "@optional {include[]: [str]: any # more, fields {a, b}, meta: map<str,str>, +1: int, x y, last: str}",
            "@returns(200) {id: str, reactions: map{+1: int, -1: int}}",
            "@endpoint OPTIONS /things",
            "@required {lost: str}",
            "@returns(200) OK",
            "@endpoint GET /other",
            "@required {open: str",
            "@returns(200) {id: str}",
            "@end",
        ]
    )
    utilities = workshop.imported(text, kind="lap")["utilities"]
    assert set(utilities) == {"get_things", "get_other"}
    assert {"include", "meta", "last"} <= set(utilities["get_things"]["params"])
    losses = workshop.losses(text, kind="lap")["what cannot be read is left out"]
    assert [line.partition(" of the")[0] for line in losses] == ["Line 5", "Line 5", "Line 7", "Line 11"]
