"""Replies whose description nobody has proved: handed on, counted, shown, and confirmed by a person."""

# ruff: noqa: E501  (a row of a table is one line)

import textwrap
from pathlib import Path
from typing import Any

import pytest

from tests.cli.console import Console
from tests.end_to_end.house import House
from tests.language.support import ORIGIN, serving, skill_text
from tests.toy.raw import Toy, answer, answer_json

UNPROVEN = """
# Imported; edit as you like.
strict_returns: false   # nobody has looked yet

utilities:
  count:
    # How many there are.
    description: x
    returns: {count: integer}
    rest: {url: /count}
  rows:
    description: x
    returns: row[]
    rest: {url: /rows, paginate: {style: page}}
  strict:
    description: x
    strict_returns: true
    returns: {count: integer}
    rest: {url: /count}
  tell:
    description: x
    returns: array
    rest: {url: /tell, stream: {delta: '.text // empty', accumulate: text}}
  flow: {description: x, returns: {count: integer}, rest: {url: /count}}
"""
WRONG = {"count": "many"}


def test_a_reply_that_is_not_as_described_is_handed_on_and_counted(tmp_path: Path) -> None:
    with serving(tmp_path, UNPROVEN, answer_json(WRONG)) as (house, _):
        assert house.call("demo", "count").json() == WRONG
        strict = house.call("demo", "strict")
        rows = house.rows()
        shown = house.client.get("/api/skills/demo").json()["utilities"]
    assert (strict.status_code, strict.json()["code"]) == (502, "reply_mismatch")
    assert [(row["utility"], row["outcome"], row["code"], row["status"]) for row in rows] == [
        ("strict", "error", "reply_mismatch", 502),
        ("count", "ok", "reply_mismatch", 200),
    ]
    assert {name: each["strict_returns"] for name, each in shown.items()} == {
        "count": False, "rows": False, "strict": True, "tell": False, "flow": False,
    }  # fmt: skip


def test_a_reply_that_is_as_described_is_not_counted(tmp_path: Path) -> None:
    with serving(tmp_path, UNPROVEN, answer_json({"count": 3})) as (house, _):
        house.call("demo", "count")
        assert [row["code"] for row in house.rows()] == [None]


def test_pages_and_streams_are_handed_on_by_the_same_rule(tmp_path: Path) -> None:
    events = answer(body=b'data: {"text": "a"}\n\n', headers=[("Content-Type", "text/event-stream")])
    with serving(tmp_path, UNPROVEN, answer_json([1]), events) as (house, _):
        assert house.call("demo", "rows").json() == [1]
        assert house.stream("demo", "tell", {})[-1] == ("done", "a")
        assert [(row["outcome"], row["code"]) for row in house.rows()] == [("ok", "reply_mismatch")] * 2


def test_nothing_at_root_is_still_an_error(tmp_path: Path) -> None:
    rooted = "strict_returns: false\nutilities: {go: {description: x, returns: array, rest: {url: /x, response: {root: /a}}}}"
    with serving(tmp_path, rooted, answer_json({})) as (house, _):
        assert house.call("demo", "go").json()["code"] == "reply_mismatch"


def console_of(tmp_path: Path) -> Console:
    return Console(tmp_path / "home", tmp_path / "skills")


def counted(house: House, times: int) -> None:
    for _ in range(times):
        assert house.call("demo", "count").json() == WRONG


def test_the_doctor_tells_how_many_until_it_is_confirmed(tmp_path: Path) -> None:
    with serving(tmp_path, UNPROVEN, answer_json(WRONG)) as (house, _):
        counted(house, 2)
    console = console_of(tmp_path)
    said = console.run("doctor").out
    assert "2 replies of count did not match its `returns` and were handed on" in said
    assert "agentos confirm demo count" in said
    assert console.run("confirm", "demo", "count").code == 0
    assert "did not match" not in console.run("doctor").out


CASE = """
description: A case
utility: count
params: {}
request: {method: GET, url: https://api.example.com/count}
response: {status: 200, body: {count: many}}
reply: {count: many}
"""


def test_cases_and_explained_calls_say_what_does_not_match(tmp_path: Path) -> None:
    console = console_of(tmp_path)
    console.write("demo/readme.md", skill_text(UNPROVEN))
    console.write("demo/cases/count.yaml", CASE)
    done = console.run("test", "demo")
    assert done.code == 0, done.out
    assert "not as `returns` says, and handed on: count must be an integer" in " ".join(done.out.split())
    [case] = console.run("test", "demo", "--json").json["cases"]
    assert (case["passed"], len(case["mismatches"])) == (True, 1)
    assert "returns not confirmed" in console.run("show", "demo", "count").out


def test_confirming_a_skill_takes_the_key_away_and_nothing_else(tmp_path: Path) -> None:
    console = console_of(tmp_path)
    text = skill_text(UNPROVEN)
    file = console.write("demo.md", text)
    done = console.run("confirm", "demo", "--json")
    assert done.code == 0, done.err
    assert done.json == {
        "skill": "demo",
        "confirmed": ["count", "rows", "tell", "flow"],
        "left": [],
        "files": [str(file)],
    }
    after = file.read_text(encoding="utf-8")
    gone = [line for line in text.splitlines() if line not in after.splitlines()]
    assert gone == ["strict_returns: false   # nobody has looked yet", "    strict_returns: true"]
    assert [line for line in after.splitlines() if line not in text.splitlines()] == []
    assert console.run("confirm", "demo").out.endswith("nothing was changed.\n")
    assert file.read_text(encoding="utf-8") == after


@pytest.mark.parametrize("name", ["count", "rows", "flow"])
def test_confirming_one_utility_adds_one_line_to_it(tmp_path: Path, name: str) -> None:
    console = console_of(tmp_path)
    text = skill_text(UNPROVEN)
    file = console.write("demo.md", text)
    done = console.run("confirm", "demo", name, "--json")
    assert done.code == 0, done.err
    assert done.json["confirmed"] == [name]
    assert name not in done.json["left"]
    after = file.read_text(encoding="utf-8")
    kept = [line for line in text.splitlines() if not line.startswith("  flow:")]
    assert [line for line in kept if line not in after.splitlines()] == []
    assert after.count("strict_returns: true") == 2
    shown = console.run("show", "demo", "--json").json["utilities"]
    assert [each for each, utility in shown.items() if utility["strict_returns"]] == [
        each for each in shown if each in (name, "strict")
    ]


def test_a_utility_s_own_key_is_taken_away(tmp_path: Path) -> None:
    console = console_of(tmp_path)
    own = "utilities:\n  go:\n    description: x\n    strict_returns: false\n    returns: array\n    rest: {url: /x}\n"
    file = console.write("demo.md", skill_text(own))
    assert console.run("confirm", "demo", "go").code == 0
    assert file.read_text(encoding="utf-8") == skill_text(own).replace("    strict_returns: false\n", "")


def test_when_every_utility_was_confirmed_the_skill_is_too(tmp_path: Path) -> None:
    console = console_of(tmp_path)
    one = "  {}:\n    description: x\n    returns: array\n    rest: {{url: /x}}\n"
    text = skill_text("utilities:\n" + one.format("go") + one.format("come"))
    file = console.write("demo.md", text.replace("id: demo\n", "id: demo\nstrict_returns: false\n"))
    assert console.run("confirm", "demo", "go").code == 0
    assert "agentos confirm demo" in console.run("confirm", "demo", "come").out
    assert file.read_text(encoding="utf-8").count("strict_returns") == 3
    assert "was confirmed already" in console.run("confirm", "demo").out
    assert file.read_text(encoding="utf-8") == text
    assert console.run("confirm", "demo").out.endswith("nothing was changed.\n")


def test_confirming_tells_what_did_not_match_so_far(tmp_path: Path) -> None:
    with Toy(answer_json({"count": "many"})) as toy:
        console = console_of(tmp_path)
        console.environ["AGENTOS_REWRITE"] = f"{ORIGIN}={toy.origin}"
        console.write("demo.md", skill_text(UNPROVEN))
        assert console.run("call", "demo", "count").code == 0
        done = console.run("confirm", "demo", "count")
    assert (done.code, "1 reply of count did not match" in done.err) == (0, True), done.err


def test_parts_are_confirmed_with_their_skill(tmp_path: Path) -> None:
    console = console_of(tmp_path)
    console.write("demo/readme.md", skill_text("strict_returns: false\nparts: [more.md]\n"))
    part = "---\nutilities:\n  go:\n    description: x\n    returns: array\n    rest: {url: /x}\n---\n"
    file = console.write("demo/more.md", part)
    assert console.run("confirm", "demo", "go").code == 0
    assert "strict_returns: true" in file.read_text(encoding="utf-8")
    assert console.run("confirm", "demo").code == 0
    assert console.run("show", "demo", "go", "--json").json["strict_returns"] is True


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("demo", "conut"), "did you mean"),
        (("nothing",), "nothing"),
    ],
)
def test_what_is_not_there_is_not_confirmed(tmp_path: Path, args: tuple[str, ...], words: str) -> None:
    console = console_of(tmp_path)
    console.write("demo.md", skill_text(UNPROVEN))
    done = console.run("confirm", *args)
    assert done.code == 1
    assert words in done.err.lower()


def read_only(file: Path) -> None:
    file.chmod(0o444)


def linked(file: Path) -> None:
    target = file.with_name("kept.txt")
    file.rename(target)
    file.symlink_to(target)


def in_one_line(file: Path) -> None:
    utility = f"{{go: {{description: x, returns: array, rest: {{url: '{ORIGIN}/x'}}}}}}"
    file.write_text(
        f"---\n{{id: demo, name: a, description: b, strict_returns: false, utilities: {utility}}}\n---\n"
    )


@pytest.mark.parametrize(
    ("how", "words"), [(read_only, "is read-only"), (linked, "is a link"), (in_one_line, "write it as lines")]
)
def test_a_file_that_is_not_to_be_written_is_left_alone(tmp_path: Path, how: Any, words: str) -> None:
    console = console_of(tmp_path)
    file = console.write("demo.md", skill_text(UNPROVEN))
    how(file)
    before = file.read_bytes()
    done = console.run("confirm", "demo")
    assert done.code == 1
    assert words in done.err
    assert file.read_bytes() == before


def test_what_ships_is_not_edited(tmp_path: Path) -> None:
    console = Console(tmp_path / "home", tmp_path / "skills", {"AGENTOS_ONLY_SKILLS": "false"})
    assert "nothing was changed" in console.run("confirm", "open-meteo").out


DESCRIPTION = textwrap.dedent("""
    openapi: 3.0.0
    info: {title: Service, version: "1"}
    servers: [{url: https://api.example.com}]
    paths:
      /things:
        get:
          operationId: listThings
          responses:
            "200":
              description: ok
              content: {application/json: {schema: {type: object, properties: {count: {type: integer}}}}}
""")


def test_an_import_writes_that_nobody_has_proved_it_and_keeps_what_a_person_confirmed(tmp_path: Path) -> None:
    console = console_of(tmp_path)
    (tmp_path / "skills").mkdir()
    source = tmp_path / "service.yaml"
    source.write_text(DESCRIPTION)
    assert console.run("import", "openapi", source, "--id", "service").code == 0
    file = tmp_path / "skills" / "service" / "readme.md"
    assert "strict_returns: false\n" in file.read_text(encoding="utf-8")
    assert console.run("confirm", "service").code == 0
    assert console.run("import", "openapi", source, "--id", "service").code == 0
    assert "strict_returns" not in file.read_text(encoding="utf-8")
