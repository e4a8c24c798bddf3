"""`agentos test`: what passes, what fails, and what is said about it."""

from pathlib import Path

import pytest

from tests.cli.console import Done
from tests.testing.support import CASES, FULL, NOTES, READ, TELL, WRITE, console


def run(folder: Path, case: str, *options: str) -> Done:
    return console(folder, {"one": case}).run("test", *options)


def differing(done: Done) -> dict[str, tuple[object, object]]:
    """Path → what the case says and what came, as `--json` tells it."""
    return {
        found["path"]: (found.get("expected", "nothing"), found.get("actual", "nothing"))
        for case in done.json["cases"]
        for found in case["differences"]
    }


def test_cases_that_hold_pass_plain_streamed_and_failing_ones(tmp_path: Path) -> None:
    done = console(tmp_path).run("test")
    assert (done.code, done.err) == (0, "")
    assert "ok   tell: A story in pieces" in done.out
    assert done.out.endswith(f"{len(CASES)} passed, 0 failed\n")


@pytest.mark.slow
def test_every_bundled_case_passes(tmp_path: Path) -> None:
    made = console(tmp_path, {})
    made.as_installed()
    found = made.run("test", "--json")
    assert [case["file"] for case in found.json["cases"] if not case["passed"]] == []
    assert {case["skill"] for case in found.json["cases"]} >= {"openrouter", "anthropic", "ollama", "open-meteo"}
    assert found.code == 0


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        (
            WRITE.replace("body: {text: Hi, tags: [a]}", "body: {text: Ho, tags: [a, b], more: 1}"),
            {
                "request.body.text": ("Ho", "Hi"),
                "request.body.tags[1]": ("b", "nothing"),
                "request.body.more": (1, "nothing"),
            },
        ),
        (WRITE.replace("fast}", "slow}"), {"request.headers.x-mode": ("slow", "fast")}),
        (
            WRITE.replace("method: POST", "method: PUT").replace("/v1/", "/v2/"),
            {
                "request.method": ("PUT", "POST"),
                "request.url": ("https://notes.example/v2/notes", "https://notes.example/v1/notes"),
            },
        ),
        (
            READ.replace("?lang=de", "?lang=en&x=1"),
            {"request.query.lang": ("en", "de"), "request.query.x": ("1", "nothing")},
        ),
        (
            READ.replace("reply: {text: Hallo}", "reply: {text: Hello, more: null}"),
            {"reply.text": ("Hello", "Hallo"), "reply.more": (None, "nothing")},
        ),
        (FULL.replace("retry_after: 7}", "retry_after: 8}"), {"error.upstream.retry_after": (8, 7.0)}),
        (FULL.replace("status: 429, upstream", "status: 503, upstream"), {"error.status": (503, 429)}),
        (TELL.replace("reply: Once upon", "reply: Once"), {"reply": ("Once", "Once upon")}),
        (
            TELL.replace('["Once ", upon]', '["Once upon"]'),
            {"deltas[0]": ("Once upon", "Once "), "deltas[1]": ("nothing", "upon")},
        ),
    ],
    ids=["body", "header", "method and url", "query", "reply", "error", "status", "done", "deltas"],
)
def test_each_difference_is_named_by_its_place_with_both_sides(
    tmp_path: Path, case: str, expected: dict[str, tuple[object, object]]
) -> None:
    done = run(tmp_path, case, "--json")
    assert (done.code, differing(done)) == (1, expected)
    assert (done.json["passed"], done.json["failed"]) == (0, 1)


def test_a_failure_where_a_reply_was_promised_shows_the_error(tmp_path: Path) -> None:
    found = differing(run(tmp_path, READ.replace("response: {", "response: {status: 404, "), "--json"))
    assert found["reply"] == ({"text": "Hallo"}, "nothing")
    assert found["error"][1]["code"] == "upstream_not_found"  # type: ignore[index]


def test_a_reply_where_an_error_was_promised_shows_the_reply(tmp_path: Path) -> None:
    works = FULL.replace("status: 429, h", "status: 200, h").replace(
        "error: {message: The shelf is full}", "id: n3"
    )
    found = differing(run(tmp_path, works, "--json"))
    assert found["reply"] == ("nothing", {"id": "n3"})
    assert found["error"][0]["code"] == "upstream_rate_limited"  # type: ignore[index]


def test_people_see_the_two_sides_under_each_other(tmp_path: Path) -> None:
    done = run(tmp_path, READ.replace("reply: {text: Hallo}", "reply: {text: Hello}"))
    assert "FAIL read: A note" in done.out
    lines = [line.strip() for line in done.out.splitlines()]
    at = lines.index("reply.text")
    assert lines[at + 1 : at + 3] == ['- "Hello"  the case', '+ "Hallo"  what came']


def test_a_case_that_cannot_be_read_fails_with_its_line_and_a_caret(tmp_path: Path) -> None:
    done = run(tmp_path, READ.replace("utility: read", "utility: red"))
    assert done.code == 1
    assert "one.yaml:2:10: error: the skill notes has no utility `red`" in done.out
    assert "2 | utility: red" in done.out
    assert "^^^" in done.out


def test_a_chat_that_is_not_the_canonical_one_fails_even_when_the_case_agrees_with_it(tmp_path: Path) -> None:
    made = console(tmp_path, {})
    made.write(
        "talk/readme.md",
        "---\nid: talk\nname: Talk\ndescription: A chat\nutilities:\n  chat:\n    description: Talk\n"
        "    returns: {content: string, tool_calls: array, stop_reason: string, usage: object}\n"
        "    rest: {url: 'https://talk.example/chat'}\n---\n",
    )
    reply = "{content: Hi, tool_calls: [], stop_reason: length, usage: {input_tokens: 1, output_tokens: 1}}"
    made.write(
        "talk/cases/chat.yaml",
        "description: Hi\nutility: chat\nrequest: {method: GET, url: 'https://talk.example/chat'}\n"
        f"response: {{body: {reply}}}\nreply: {reply}\n",
    )
    done = made.run("test", "talk", "--json")
    assert done.code == 1
    assert differing(done)["reply.stop_reason"][1] == "length"


def test_a_key_in_the_path_is_written_as_its_fields_name(tmp_path: Path) -> None:
    made = console(tmp_path, {})
    made.write(
        "bot/readme.md",
        "---\nid: bot\nname: Bot\ndescription: A key in the path\nauth: {type: api_key}\nutilities:\n  me:\n"
        '    description: Me\n    rest: {url: \'"https://bot.example/bot" + .auth.key + "/getMe"\'}\n---\n',
    )
    made.write(
        "bot/cases/me.yaml",
        "description: Me\nutility: me\nrequest: {method: GET, url: 'https://bot.example/bot{key}/getMe'}\n"
        "response: {body: {name: Bot}}\nreply: {name: Bot}\n",
    )
    done = made.run("test", "bot", "--json")
    assert (done.code, differing(done)) == (0, {})


def test_only_the_skills_that_are_named_are_tested(tmp_path: Path) -> None:
    made = console(tmp_path)
    made.write("other/readme.md", NOTES.replace("id: notes", "id: other"))
    done = made.run("test", "other")
    assert (done.code, "other has no cases yet" in done.out, "notes" in done.out) == (0, True, False)


def test_a_skill_that_is_not_there_or_broken_cannot_be_tested(tmp_path: Path) -> None:
    made = console(tmp_path)
    made.write("broken/readme.md", NOTES.replace("id: notes", "id: broken").replace("url:", "uri:"))
    assert "did you mean notes" in made.run("test", "note").err
    done = made.run("test", "broken")
    assert (done.code, "agentos check" in done.err) == (1, True)


def test_the_operators_own_settings_do_not_decide_whether_a_case_holds(tmp_path: Path) -> None:
    made = console(tmp_path, {})
    declared = "settings: {mode: {default: fast, description: How}}\nutilities:"
    made.write(
        "notes/readme.md",
        NOTES.replace("utilities:", declared).replace("X-Mode: fast", "X-Mode: .settings.mode"),
    )
    made.write("notes/cases/write.yaml", WRITE)
    made.home.mkdir(parents=True)
    (made.home / "config.toml").write_text('[skill_settings.notes]\nmode = "slow"\n', encoding="utf-8")
    assert made.run("test").code == 0


def test_testing_leaves_nothing_in_the_home(tmp_path: Path) -> None:
    made = console(tmp_path)
    made.run("test")
    assert not made.home.exists() or list(made.home.iterdir()) == []


def test_check_looks_at_the_cases_of_a_skill_too(tmp_path: Path) -> None:
    made = console(tmp_path, {"good": READ, "bad": READ.replace("id: a b", "no: a b")})
    done = made.run("check", made.skills / "notes")
    assert done.code == 1
    assert "bad.yaml:3:10: error: the param no is not known" in done.out
    assert "2 errors, 0 warnings in 3 files" in done.out
