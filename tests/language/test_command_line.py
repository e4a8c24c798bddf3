"""Rows, files and bytes on the command line."""

import base64
import json
from pathlib import Path

import pytest

from tests.cli.console import Console
from tests.language.support import ORIGIN, skill_text
from tests.language.test_files import BYTES, FILES, form
from tests.toy.raw import Exchange, Toy, answer, answer_json

LIST = """
utilities:
  list:
    description: x
    rest: {url: /list, paginate: {style: offset, limit: limit, items: /data, size: 2}}
"""


@pytest.fixture
def console(tmp_path: Path) -> Console:
    (tmp_path / "skills").mkdir()
    return Console(tmp_path / "home", tmp_path / "skills")


def listing(exchange: Exchange) -> None:
    target = exchange.request.target
    start = int(target.partition("offset=")[2].partition("&")[0] or 0)
    answer_json({"data": [*range(start, min(start + 2, 5))]})(exchange)


@pytest.mark.parametrize("served", [False, True])
def test_limit_and_all_ask_for_rows(console: Console, served: bool) -> None:
    console.write("demo.md", skill_text(LIST))
    with Toy(listing) as toy:
        environ = {"AGENTOS_REWRITE": f"{ORIGIN}={toy.origin}"}
        if served:
            with console.serving(**environ):
                check_rows(console, {})
        else:
            check_rows(console, environ)


def check_rows(console: Console, environ: dict[str, str]) -> None:
    call = ("call", "demo", "list")
    assert console.run(*call, **environ).json == [0, 1]
    assert console.run(*call, "--limit", "3", **environ).json == [0, 1, 2]
    assert console.run(*call, "--all", **environ).json == [0, 1, 2, 3, 4]
    lines = console.run(*call, "--all", "--stream", "--jsonl", **environ).out.splitlines()
    assert [json.loads(line) for line in lines] == [
        {"event": "delta", "data": [0, 1]},
        {"event": "delta", "data": [2, 3]},
        {"event": "delta", "data": [4]},
        {"event": "done", "data": [0, 1, 2, 3, 4]},
    ]
    assert "There may be more rows: add --all" in console.on_terminal(*call, **environ).out
    assert "more rows" not in console.on_terminal(*call, "--all", **environ).out
    assert console.run(*call, "--limit", "0", **environ).code == 2


def test_a_dry_run_shows_what_the_first_page_is_asked_for(console: Console) -> None:
    console.write("demo.md", skill_text(LIST))
    shown = console.run("call", "demo", "list", "--all", "--dry-run", "--jsonl").json
    assert shown["request"]["url"] == f"{ORIGIN}/list?limit=2"
    assert console.run("call", "demo", "list", "--dry-run", "--jsonl").json["request"]["url"] == f"{ORIGIN}/list"


def test_a_utility_that_takes_a_file_is_given_the_file_with_its_name_and_type(
    console: Console, tmp_path: Path
) -> None:
    console.write("demo.md", skill_text(FILES))
    (tmp_path / "pic.png").write_bytes(BYTES)
    (tmp_path / "notes.txt").write_text("hi")
    at = f"@{tmp_path}"
    with Toy(answer_json({})) as toy:
        environ = {"AGENTOS_REWRITE": f"{ORIGIN}={toy.origin}"}
        sent = console.run("call", "demo", "upload", f"file={at}/pic.png", f"more={at}/notes.txt",
                           f"purpose={at}/notes.txt", **environ)  # fmt: skip
        piped = console.run("call", "demo", "put", "file=@-", stdin="from stdin", **environ)
        plain = console.run("call", "demo", "put", f"file={base64.b64encode(b'given').decode()}", **environ)
    assert [done.code for done in (sent, piped, plain)] == [0, 0, 0], sent.err + piped.err + plain.err
    upload, put, given = toy.requests
    assert form(upload) == [
        ({"name": "file", "filename": "pic.png"}, "image/png", BYTES),
        ({"name": "more", "filename": "notes.txt"}, "text/plain", b"hi"),
        ({"name": "purpose"}, None, b"hi"),
    ]
    assert (put.body, given.body) == (b"from stdin", b"given")
    missing = console.run("call", "demo", "put", "file=@/nonexistent")
    assert (missing.code, "cannot be read" in missing.err) == (2, True)


def test_a_file_is_not_printed_by_a_dry_run(console: Console, tmp_path: Path) -> None:
    console.write("demo.md", skill_text(FILES))
    (tmp_path / "pic.png").write_bytes(BYTES)
    shown = console.run("call", "demo", "put", f"file=@{tmp_path}/pic.png", "--dry-run", "--jsonl").json
    assert shown["request"]["body"] == f"({len(BYTES)} bytes)"
    assert shown["curl"].endswith("--data-binary @BODY")


def test_bytes_are_written_to_a_file(console: Console, tmp_path: Path) -> None:
    console.write("demo.md", skill_text(FILES))
    with Toy(answer(body=BYTES, headers=[("Content-Type", "audio/mpeg")])) as toy:
        environ = {"AGENTOS_REWRITE": f"{ORIGIN}={toy.origin}"}
        done = console.run("call", "demo", "speech", "--output", tmp_path / "it.mp3", **environ)
        refused = console.on_terminal("call", "demo", "speech", **environ)
    assert (done.code, done.out) == (0, "")
    assert (tmp_path / "it.mp3").read_bytes() == BYTES
    assert (refused.code, "add -o FILE" in refused.out) == (2, True)


def test_a_mistake_in_a_part_is_underlined_in_the_part(console: Console) -> None:
    console.write("demo/readme.md", skill_text("parts: [keys.md]"))
    console.write("demo/keys.md", "---\nutilities:\n  k: {description: x, rest: {ulr: /b}}\n---\n")
    done = console.run("check", console.skills)
    assert done.code == 1
    assert f"{console.skills}/demo/keys.md:3:30" in done.out
    assert "rest: {ulr: /b}" in done.out
