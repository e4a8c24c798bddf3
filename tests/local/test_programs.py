"""`command`, `python` and `steps`: approved to the last byte, bounded, and given values that never become code."""

import json
import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.local.support import PYTHON, Served, database, served
from tests.toy.raw import Toy, answer, answer_json

FRONT = r"""
database: ~/notes.db
transformers: {thing: {mapping: {id: .id, title: .name}}}
operations:
  thing.list:
    description: JSON of a program
    returns: thing[]
    params: {name: {type: string, default: a}}
    command: {binary: bash, args: [-c, 'jqless() { printf ''[{"id": 1, "name": "%s"}]'' "$1"; }; jqless "{{params.name}}"']}
utilities:
  echoed:
    description: What a program is given
    returns: object
    params: {word: {type: string}, number: {type: integer}, more: {type: string}}
    command:
      binary: python3
      args: [-c, "import json, os, sys; print(json.dumps({'args': sys.argv[1:], 'env': sorted(os.environ), 'cwd': os.getcwd(), 'stdin': sys.stdin.read()}))", --, .params.word, "{{params.number}}", "--more={{params.more}}"]
      stdin: .params.word
      env: [SHOWN]
  bare: {description: A bare param, returns: string, params: {word: {type: string}}, command: {binary: bash, args: [-c, "printf '%s|' {{params.word}} end"]}}
  whole: {description: An option, returns: string, params: {word: {type: string}, n: {type: integer}}, command: {binary: echo, args: [.params.word, .params.n]}}
  behind: {description: Behind the end of options, returns: string, params: {word: {type: string}}, command: {binary: printf, args: [--, "%s", .params.word]}}
  numbered: {description: Numbered, returns: string, params: {a: {type: string}, b: {type: string}}, command: {binary: bash, args: [-c, 'printf "%s,%s" "$1" "$2"', --, .params.a, .params.b]}}
  split: {description: Words of one text, returns: string, params: {word: {type: string}}, command: {binary: printf, args_string: "%s- a {{params.word}} b"}}
  login: {description: A login shell, returns: string, params: {word: {type: string}}, command: {binary: bash, args: [-l, -c, "only-here {{params.word}}"]}}
  file: {description: A script beside it, returns: string, command: {binary: ./tool.sh}}
  void: {description: Nothing, returns: void, command: {binary: "true"}}
  told: {description: Output, returns: void, command: {binary: echo, args: [hello]}}
  raw: {description: As it is, returns: void, command: {binary: printf, args: ['a\tb'], response: {raw: true}}}
  refused: {description: An error in JSON, returns: object, command: {binary: echo, args: ['{"error": "no such video"}']}}
  ends: {description: A code, returns: object, command: {binary: bash, args: [-c, "echo canary-on-stderr >&2; echo canary-on-stdout; exit 3"]}}
  absent: {description: No program, returns: object, command: {binary: a-program-that-is-not-there}}
  spins: {description: Spins, returns: object, command: {binary: bash, args: [-c, "while :; do :; done"], timeout: 0.4}}
  floods: {description: Floods, returns: object, command: {binary: "yes"}}
  forks: {description: Forks, returns: object, command: {binary: bash, args: [-c, "for i in $(seq 200); do sleep 60 & done; wait"]}}
  eats: {description: Eats, returns: object, command: {binary: python3, args: [-c, "bytearray(4 * 10 ** 9)"]}}
  leaves: {description: Leaves a process, returns: string, command: {binary: bash, args: [-c, "setsid sleep 4242 & echo $!"]}}
  kills: {description: Kills who watches it, returns: object, command: {binary: bash, args: [-c, "kill -9 $PPID; sleep 4343"]}}
  pasted: {description: Code, returns: object, params: {x: {type: string}}, command: {binary: bash, args: [-c, "sqlite3 x.db \"SELECT '{{params.x}}'\""]}}
  single: {description: In quotes, returns: object, params: {x: {type: string}}, command: {binary: bash, args: [-c, "echo '{{params.x}}'"]}}
  named: {description: A program by name, returns: object, params: {x: {type: string}}, command: {binary: .params.x}}
  keyed: {description: A key, returns: object, command: {binary: echo, args: [.auth.key]}}
  shape: {description: Python, returns: array, params: {items: {type: array, required: true}, top: {type: integer}}, python: {module: ./code.py, function: shape, args: {items: .params.items, top: .params.top}}}
  whole_params: {description: All params, returns: object, params: {a: {type: string}}, python: {module: ./code.py, function: whole, params: true}}
  positional: {description: A list, returns: array, python: {module: code, function: shape, args: [["x"], 1]}}
  ask: {description: A sibling, returns: object, params: {word: {type: string}}, python: {module: ./code.py, function: ask, args: {word: .params.word}}}
  deep: {description: Itself, returns: object, python: {module: ./code.py, function: ask_for_ever}}
  fails: {description: Raises, returns: object, python: {module: ./code.py, function: fails}}
  needs: {description: A module, returns: object, python: {module: ./code.py, function: needs}}
  loops: {description: Spins, returns: object, python: {module: ./code.py, function: spins, timeout: 0.5}}
  sleeps: {description: Sleeps, returns: object, command: {binary: sleep, args: ["4444"], timeout: 0.4}}
  dozes: {description: Sleeps in Python, returns: object, python: {module: ./code.py, function: sleeps, timeout: 0.5}}
  prints: {description: Prints much, returns: string, python: {module: ./code.py, function: prints_much}}
  breeds: {description: Forks in Python, returns: object, python: {module: ./code.py, function: forks}}
  unseen: {description: Forks between two looks, returns: object, python: {module: ./code.py, function: breeds_unseen}}
  swells: {description: Eats in Python, returns: object, python: {module: ./code.py, function: eats}}
  much: {description: Returns much, returns: string, python: {module: ./code.py, function: gives_much, timeout: 1000}}
  nests: {description: Returns what nests, returns: array, python: {module: ./code.py, function: nests}}
  later: {description: Awaited, returns: string, params: {word: {type: string}}, python: {module: ./code.py, function: later, args: {word: .params.word}}}
  chain:
    description: Steps
    returns: object
    params: {id: {type: integer, required: true}, quiet: {type: boolean}}
    steps:
      steps:
        - {id: row, sql: {query: "SELECT title FROM notes WHERE id = :id", response: {root: /0}}}
        - {id: found, skip_if: .row == null, rest: {url: '"https://toy.example/find/" + (.row.title | @uri)', response: {root: /hit}}}
        - {id: said, skip_if: .params.quiet, command: {binary: printf, args: ["%s", .found.name]}}
      response: {mapping: {id: .params.id, title: .row.title, name: .found.name, said: .said}}
  last: {description: The last one counts, returns: thing, steps: [{id: one, command: {binary: echo, args: ['{"id": 7, "name": "n"}']}}]}
  plist: {description: Not run, returns: object, steps: {steps: [{id: a, plist: {path: x}}]}}
"""  # noqa: E501


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("programs")
    database(folder / "notes.db")
    files = {"code.py": PYTHON, "tool.sh": "#!/bin/sh\necho from $PWD\n"}
    with (
        Toy(answer(body=b'{"hit": {"name": "Ann"}}')) as toy,
        served(folder, FRONT, files, rewrite={"https://toy.example": toy.origin}) as running,
    ):
        (running.folder / "tool.sh").chmod(0o755)
        own = folder / "bin" / "only-here"
        own.parent.mkdir()
        own.write_text('#!/bin/sh\necho "here: $1"\n')
        own.chmod(0o755)
        running.approve()
        yield running


def test_what_a_program_writes_is_mapped(here: Served) -> None:
    assert here.reply("thing.list") == [{"id": 1, "title": "a"}]
    assert here.reply("thing.list", {"name": "$(id)`id`"}) == [{"id": 1, "title": "$(id)`id`"}]


PAID = """
utilities:
  both:
    description: Two calls that cost
    returns: object
    steps:
      steps:
        - {id: one, rest: {url: '"https://toy.example/one"'}}
        - {id: two, rest: {url: '"https://toy.example/two"'}}
      response: {mapping: {one: .one.n, two: .two.n}}
  last:
    description: The reply of the last one
    returns: object
    steps: [{id: one, rest: {url: '"https://toy.example/one"'}}, {id: two, rest: {url: '"https://toy.example/two"'}}]
"""


@pytest.mark.parametrize(
    ("utility", "second", "cost"), [("both", 200, 0.75), ("last", 200, 0.75), ("both", 500, 0.25)]
)
def test_what_every_step_took_is_counted_once(tmp_path: Path, utility: str, second: int, cost: float) -> None:
    said = [{"n": n, "model": f"m{n}", "usage": {"input_tokens": 10 * n, "cost": 0.25 * n}} for n in (1, 2)]
    script = answer_json(said[0]), answer_json(said[1] if second == 200 else {}, second)
    with Toy(*script) as toy, served(tmp_path, PAID, {}, rewrite={"https://toy.example": toy.origin}) as here:
        here.approve()
        assert here.house.call("here", utility).is_success is (second == 200)
        row = here.house.rows()[0]
    assert (row["cost"], row["input_tokens"]) == (cost, 30 if second == 200 else 10)
    assert row["model"] == ("m2" if second == 200 else "m1")


SIBLINGS = """
utilities:
  paid: {description: A call that costs, returns: object, rest: {url: '"https://toy.example/one"'}}
  both: {description: Hands on what a sibling gave, returns: object, python: {module: ./code.py, function: both}}
  fails: {description: And fails, returns: object, python: {module: ./code.py, function: fails}}
"""
CALLING = """
def both(_call):
    return _call("paid")


def fails(_call):
    return {**_call("paid"), "error": "no"}
"""


@pytest.mark.parametrize("utility", ["both", "fails"])
def test_what_a_sibling_took_is_counted_in_its_own_row_and_not_again(tmp_path: Path, utility: str) -> None:
    paid = answer_json({"model": "m", "usage": {"input_tokens": 10, "cost": 0.25}})
    files = {"code.py": CALLING}
    with Toy(paid) as toy, served(tmp_path, SIBLINGS, files, rewrite={"https://toy.example": toy.origin}) as here:
        here.approve()
        here.house.call("here", utility)
        rows = {row["utility"]: (row["cost"], row["input_tokens"]) for row in here.house.rows()}
    assert rows == {"paid": (0.25, 10), utility: (None, None)}


def test_a_login_shell_still_finds_the_programs_of_the_runtimes_own_path(here: Served) -> None:
    assert here.reply("login", {"word": "$(id) a"}) == "here: $(id) a"


def test_a_program_sees_what_is_named_and_nothing_else(here: Served) -> None:
    word = "; rm -rf / #"
    found = here.reply("echoed", {"word": word, "number": 5, "more": "-x"})
    assert found["args"] == ["--", word, "5", "--more=-x"]
    seen = set(found["env"])
    assert seen >= {"HOME", "LANG", "PATH", "SHOWN"}
    assert not seen & {"HIDDEN", "AGENTOS_HOME", "AGENTOS_SKILLS"}
    assert found["cwd"] == os.path.realpath(here.folder)
    assert found["stdin"] == word
    assert here.reply("echoed")["args"] == ["--", "--more="]


@pytest.mark.parametrize("word", ["a b", "*", "", "'", '"', "$(id)", "a\nb", "\\", "ü"])
def test_a_bare_param_is_one_word(here: Served, word: str) -> None:
    assert here.reply("bare", {"word": word}) == f"{word}|end|"


def test_a_text_is_no_option(here: Served) -> None:
    assert here.reply("whole", {"word": "a", "n": -5}) == "a -5"
    assert here.reply("behind", {"word": "-n"}) == "-n"
    assert here.reply("split", {"word": "x y"}) == "a-x y-b-"
    for name in ("whole", "bare"):
        status, code, sentence = here.error(name, {"word": "-n"})
        assert (status, code) == (400, "invalid_params")
        assert "option" in sentence
    assert here.error("whole", {"word": "a\0b"})[:2] == (400, "invalid_params")


def test_half_of_a_character_is_told_and_handed_to_no_program(here: Served) -> None:
    assert here.half("whole", '{"word": "a \\ud83d"}') == (400, "invalid_params", True)


def test_a_numbered_param_that_is_not_set_keeps_its_place(here: Served) -> None:
    assert here.reply("numbered", {"b": "x"}) == ",x"


def test_output_is_handed_on_as_the_manifest_says(here: Served) -> None:
    assert here.reply("file") == f"from {os.path.realpath(here.folder)}"
    assert here.reply("void") is None
    assert here.reply("told") == "hello"
    response = here.house.call("here", "raw")
    assert (response.content, response.headers["content-type"].split(";")[0]) == (b"a\tb", "text/plain")


@pytest.mark.parametrize(
    ("name", "status", "code", "words"),
    [
        ("refused", 502, "upstream_failed", "no such video"),
        ("ends", 502, "upstream_failed", "ended with 3"),
        ("absent", 503, "not_available", "a-program-that-is-not-there"),
        ("spins", 504, "upstream_timeout", "0.4 s"),
        ("floods", 502, "upstream_invalid", "16 MB"),
        ("forks", 502, "upstream_failed", "processes"),
        ("eats", 502, "upstream_failed", "ended with 1"),
        ("kills", 502, "upstream_failed", "lost"),
        ("pasted", 501, "not_supported", "sqlite3"),
        ("single", 501, "not_supported", "single quotes"),
        ("named", 501, "not_supported", "binary"),
        ("keyed", 501, "not_supported", "key"),
        ("fails", 502, "upstream_failed", "ValueError: no such thing"),
        ("needs", 503, "not_available", "a_module_that_is_not_there"),
        ("loops", 504, "upstream_timeout", "0.5 s"),
        ("sleeps", 504, "upstream_timeout", "0.4 s"),
        ("dozes", 504, "upstream_timeout", "0.5 s"),
        ("prints", 502, "upstream_invalid", "16 MB"),
        ("breeds", 502, "upstream_failed", "processes"),
        ("unseen", 502, "upstream_failed", "processes"),
        ("swells", 502, "upstream_failed", "more memory"),
        ("much", 502, "upstream_failed", "more than 16 MB"),
        ("nests", 502, "upstream_failed", "no JSON"),
        ("deep", 502, "upstream_failed", "inside of each other"),
        ("plist", 501, "not_supported", "plist"),
    ],
)
def test_each_failure_is_typed_and_nothing_raw_is_passed_on(
    here: Served, name: str, status: int, code: str, words: str
) -> None:
    found = here.error(name)
    assert found[:2] == (status, code), found
    assert words in found[2]
    assert "canary" not in found[2]
    assert here.reply("told") == "hello"


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["spins", "floods", "forks", "eats", "sleeps", "loops", "prints", "breeds", "swells"]
)
def test_who_calls_meanwhile_is_answered(here: Served, name: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        bad = pool.submit(here.error, name)
        others = [pool.submit(here.reply, other) for other in ("told", "positional", "told")]
        assert [each.result() for each in others] == ["hello", [{"id": "x", "n": 1}], "hello"]
        assert bad.result()[0] in (502, 504)


def test_nothing_that_a_program_started_outlives_it(here: Served) -> None:
    pid = here.reply("leaves")
    assert not Path(f"/proc/{pid}").exists()


def test_a_program_that_kills_who_watches_it_is_ended_all_the_same(here: Served) -> None:
    assert here.error("kills")[1] == "upstream_failed"
    ends = time.monotonic() + 20
    while (left := running("sleep\0004343")) and time.monotonic() < ends:
        pass
    assert left == []


def running(line: str) -> list[str]:
    """The processes with this command line."""
    found = []
    for place in Path("/proc").iterdir():
        if place.name.isdecimal():
            try:
                if line in (place / "cmdline").read_text():
                    found.append(place.name)
            except OSError:
                continue
    return found


def test_who_leaves_ends_the_program(here: Served) -> None:
    marker = here.folder.parent.parent / "alive"
    script = f"while :; do touch {marker}; sleep 0.02; done"
    front = (
        f"utilities:\n  long: {{description: L, returns: void, command: {{binary: bash, args: [-c, '{script}']}}}}"
    )
    with served(here.folder.parent.parent / "leaving", front) as other:
        other.approve()
        with pytest.raises(httpx.TimeoutException):
            other.house.client.post("/api/skills/here/long", json={}, timeout=0.6)
        ends = time.monotonic() + 20
        while other.house.rows()[0]["outcome"] == "started" and time.monotonic() < ends:
            pass
        assert other.house.rows()[0]["outcome"] == "cancelled"
        marker.unlink()
        time.sleep(0.2)
        assert not marker.exists()


@pytest.mark.slow
def test_python_gets_values_and_calls_siblings_through_the_runtime(here: Served) -> None:
    assert here.reply("shape", {"items": ["a", "b", "c"]}) == [{"id": "a", "n": 2}, {"id": "b", "n": 2}]
    assert here.reply("whole_params", {"a": "x"}) == {"a": "x"}
    assert here.reply("positional") == [{"id": "x", "n": 1}]
    assert here.reply("later", {"word": "w"}) == "w"
    assert here.reply("ask", {"word": "w"})["sibling"]["args"] == ["--", "w", "--more="]
    rows = here.house.rows()[:2]
    assert sorted(row["utility"] for row in rows) == ["ask", "echoed"]
    assert {row["agent"] for row in rows} == {"tester"}


def test_steps_see_what_those_before_them_gave(here: Served) -> None:
    assert here.reply("chain", {"id": 2}) == {"id": 2, "title": "Note 2", "name": "Ann", "said": "Ann"}
    assert here.reply("chain", {"id": 2, "quiet": True})["said"] is None
    assert here.house.rows()[0]["utility"] == "chain"
    assert here.reply("last") == {"id": 7, "title": "n"}
    assert here.reply("chain", {"id": 99}) == {"id": 99, "title": None, "name": None, "said": None}


APPROVED = """
utilities:
  run: {description: Run, returns: string, command: {binary: bash, args: [./script.sh]}}
  show: {description: Plain, returns: string, command: {binary: echo, args: [one]}}
"""


def test_approval_is_asked_for_pinned_asked_again_and_taken_back(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with served(tmp_path, APPROVED, {"script.sh": "echo 1\n", "lib/more.txt": "a", "cases/x.txt": "b"}) as here:
        assert here.house.client.get("/api/skills/here").json()["state"] == "needs_approval"
        assert here.error("run")[:2] == (409, "approval_required")
        assert here.agentos("approve", "here", "--yes") == 0
        shown = capsys.readouterr().out
        assert "./script.sh" in shown
        assert "lib/more.txt" in shown
        assert "as you" in shown
        assert here.reply("run") == "1"
        assert here.house.client.get("/api/skills/here").json()["state"] == "ready"
        (here.folder / "cases" / "x.txt").write_text("c")
        assert here.reply("run") == "1"
        for change in (
            lambda: (here.folder / "script.sh").write_text("echo 2\n"),
            lambda: (here.folder / "lib" / "more.txt").write_text("A"),
            lambda: (here.folder / "lib" / "json.py").write_text(""),
            lambda: (here.folder / "lib" / "more.txt").unlink(),
        ):
            change()
            status, code, sentence = here.error("run")
            assert (status, code) == (409, "approval_required")
            assert "agentos approve here" in sentence
            here.approve()
            assert here.reply("run") == "2"
        assert here.agentos("revoke", "here") == 0
        assert here.error("show")[:2] == (409, "approval_required")
        here.approve()
        assert here.reply("show") == "one"


def test_a_changed_script_in_the_manifest_asks_again(tmp_path: Path) -> None:
    with served(tmp_path, APPROVED, {"script.sh": "echo 1\n"}) as here:
        here.approve()
        manifest = here.folder / "readme.md"
        manifest.write_text(manifest.read_text().replace("[one]", "[two]"))
        ends = time.monotonic() + 20
        while here.house.call("here", "show").status_code != 409 and time.monotonic() < ends:
            pass
        assert here.error("show")[1] == "approval_required"
        here.approve()
        while here.house.call("here", "show").status_code != 200 and time.monotonic() < ends:
            pass
        assert here.reply("show") == "two"


def test_what_a_link_leads_out_to_is_not_run(tmp_path: Path) -> None:
    (tmp_path / "outside.sh").write_text("echo outside\n")
    with served(tmp_path, APPROVED, {"script.sh": "echo 1\n"}) as here:
        (here.folder / "script.sh").unlink()
        (here.folder / "script.sh").symlink_to(tmp_path / "outside.sh")
        assert here.agentos("approve", "here", "--yes") == 1
        assert here.error("run")[:2] == (409, "approval_required")


def test_a_preview_shows_what_would_be_run(here: Served, capsys: pytest.CaptureFixture[str]) -> None:
    assert here.agentos("call", "here", "echoed", "word=x", "--dry-run", "--json", "{}") in (0, 2)
    capsys.readouterr()
    assert here.agentos("call", "here", "whole", "word=x", "--dry-run") == 0
    shown = capsys.readouterr().out
    assert "local://command" in shown
    assert '"x"' in shown
    assert here.agentos("call", "here", "ends", "--explain") == 1
    assert "local://command" in capsys.readouterr().out


CASE = """
description: A program in a case
utility: whole
params: {word: hello}
request: {method: POST, url: "local://command", body: {binary: echo, args: [hello]}}
response: {body: hello there}
reply: hello there
"""


def test_cases_answer_for_programs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = "command: {binary: echo, args: [.params.word]}"
    front = (
        f"utilities:\n  whole: {{description: W, returns: string, params: {{word: {{type: string}}}}, {command}}}"
    )
    with served(tmp_path, front, {"cases/one.yaml": CASE}) as here:
        assert here.agentos("check", str(here.folder)) == 0
        capsys.readouterr()
        assert here.agentos("test", "here", "--json") == 0
        assert json.loads(capsys.readouterr().out)["passed"] == 1
