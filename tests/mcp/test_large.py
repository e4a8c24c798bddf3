"""Replies that are too large for one result: cut between rows and said, or an error; the rest can be read."""

import asyncio
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from agentos_runtime.mcp.kept import KEPT_FOR, MOST, MOST_OF_AGENT, PREFIX, Kept, KeptReplies, UnknownReply
from agentos_runtime.storage.liveness import Owner
from agentos_runtime.storage.reply_files import SECONDS, ReplyFiles
from tests.mcp.lab import SKILL, Lab, lab
from tests.server.test_processes import served
from tests.toy.raw import Toy, answer_json

LARGE = """\
  many_things:
    description: A long list.
    returns: array
    rest: {method: GET, url: /text, response: {transform: "[range(300) | {n: .}]"}}
  large_thing:
    description: A long text in an object.
    rest: {method: GET, url: /text, response: {transform: "{text: (\\"x\\" * 5000)}"}}
  anything:
    description: What the service has.
    rest: {method: GET, url: /wav, response: {as: any}}
  heard:
    description: What the service heard.
    params: {charset: {type: string, required: true}}
    rest: {method: GET, url: "/in/{charset}", response: {raw: true}}
  long_things:
    description: Things that have much to say.
    returns: array
    rest:
      method: GET
      url: /things
      paginate: {style: offset, items: /data, limit: limit}
      response: {transform: "[.data[] | {id, text: (\\"x\\" * 300)}]"}
"""


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    skills = {"test": SKILL.replace("  echo:\n", f"{LARGE}  echo:\n")}
    with lab(tmp_path_factory.mktemp("narrow"), skills=skills, mcp={"max_text": 2000, "mode": "tools"}) as it:
        yield it


def address(text: str) -> str:
    """The one that a text names."""
    return PREFIX + text.partition(PREFIX)[2].split(" ")[0].rstrip(";,.")


def test_a_list_is_cut_between_rows_and_goes_on_where_it_says(narrow: Lab) -> None:
    client = narrow.client(X_Agent="ann")
    done = client.call("test_many_things")
    assert done["isError"] is False
    assert "structuredContent" not in done
    shown, note = (each["text"] for each in done["content"])
    rows = json.loads(shown)
    assert 0 < len(rows) < 300
    assert f"the first {len(rows)} of 300 rows" in note
    assert len(shown) <= 2000
    uri = address(note)
    while uri != PREFIX:
        more, *further = client.ask("resources/read", {"uri": uri})["contents"]
        rows += json.loads(more["text"])
        uri = address(further[0]["text"]) if further else PREFIX
    assert rows == [{"n": n} for n in range(300)]


def test_what_is_noted_of_a_list_stands_behind_it_also_where_it_is_cut(narrow: Lab) -> None:
    rows, *notes = (each["text"] for each in narrow.client().call("test_long_things")["content"])
    shown = len(json.loads(rows))
    assert 0 < shown < 20
    assert [note.partition(" rows")[0] for note in notes] == [f"These are the first {shown} of 20", "20"]
    assert "there are more" in notes[1]


def test_an_object_is_never_cut(narrow: Lab) -> None:
    done = narrow.client().call("test_large_thing")
    body = json.loads(done["content"][0]["text"])
    assert (done["isError"], body["code"], len(body["look"])) == (True, "reply_too_large", 2000)
    assert "_select" in body["error"]
    assert "The call itself was made" in body["error"]
    less = narrow.client().call("test_large_thing", {"_select": ".text | length"})
    assert less["structuredContent"] == 5000


@pytest.mark.parametrize("charset", ["utf-8", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "iso-8859-2"])
def test_a_key_that_comes_back_in_any_charset_is_taken_out_of_a_text(narrow: Lab, charset: str) -> None:
    text = narrow.client().call("test_heard", {"charset": charset})["content"][0]["text"]
    assert text == "you sent Bearer [redacted], žluť"
    body = narrow.house.client.post("/api/skills/test/heard", json={"charset": charset}).content
    assert body.decode(charset) == text


def test_what_names_a_charset_that_is_none_is_handed_on_as_bytes(narrow: Lab) -> None:
    content = narrow.client().call("test_heard", {"charset": "punycode"})["content"][0]
    assert content["type"] == "resource"


@pytest.mark.parametrize("kind", ["image_content", "bytes_of_it"])
def test_nothing_is_selected_from_bytes_and_it_is_said_before_the_call(narrow: Lab, kind: str) -> None:
    client = narrow.client()
    offered = {each["name"]: each["inputSchema"]["properties"] for each in client.ask("tools/list")["tools"]}
    assert "_select" not in offered[f"test_{kind}"]
    before = len(narrow.house.rows())
    asked = {"name": f"test_{kind}", "params": {}, "select": ".size"}
    for done in (client.call(f"test_{kind}", {"_select": ".size"}), client.call("call_utility", asked)):
        assert done["isError"] is True
        assert json.loads(done["content"][0]["text"])["problems"][0]["path"] == "_select"
    assert len(narrow.house.rows()) == before


def test_it_is_said_when_nothing_was_selected_since_what_came_is_no_json(narrow: Lab) -> None:
    sound, note = narrow.client().call("test_anything", {"_select": ".size"})["content"]
    assert sound["type"] == "audio"
    assert "Nothing was selected" in note["text"]


def test_nobody_reads_the_replies_of_others(narrow: Lab) -> None:
    ann, bob = narrow.client(X_Agent="ann"), narrow.client(X_Agent="bob")
    uri = address(ann.call("test_many_things")["content"][1]["text"])
    assert "contents" in ann.ask("resources/read", {"uri": uri})
    assert bob.ask("resources/read", {"uri": uri})["code"] == -32602


@pytest.mark.parametrize("query", ["?offset=-1", "?offset=x", "?offset=301", "?offset=" + "9" * 30, "?limit=1"])
def test_what_no_reply_has_is_not_there(narrow: Lab, query: str) -> None:
    client = narrow.client(X_Agent="ann")
    uri = address(client.call("test_many_things")["content"][1]["text"]).partition("?")[0]
    assert client.ask("resources/read", {"uri": uri + query})["code"] == -32602


def test_who_reads_a_reply_that_is_gone_is_told_how_to_have_it_again(narrow: Lab) -> None:
    gone = narrow.client(X_Agent="ann").ask("resources/read", {"uri": f"{PREFIX}0123?offset=7"})
    assert (gone["code"], "Make the call again" in gone["message"]) == (-32602, True)


def test_replies_are_kept_for_a_while_and_within_bounds() -> None:
    now = 0.0
    kept = KeptReplies(lambda: now)
    first = kept.keep("ann", Kept(b"[1]", "application/json", rows=(b"1",)))
    assert first is not None
    assert kept.read("ann", first, 100)[0]["text"] == "[1]"
    assert kept.keep("ann", Kept(bytes(MOST_OF_AGENT + 1), "x/y")) is None
    second = kept.keep("ann", Kept(bytes(MOST_OF_AGENT), "x/y"))
    assert second is not None
    with pytest.raises(UnknownReply):
        kept.read("ann", first, 100)
    others = [kept.keep(f"agent {n}", Kept(bytes(MOST_OF_AGENT), "x/y")) for n in range(MOST // MOST_OF_AGENT)]
    with pytest.raises(UnknownReply):
        kept.read("ann", second, 100)
    newest = others[-1]
    assert newest is not None
    assert kept.read(f"agent {len(others) - 1}", newest, 100)
    now = KEPT_FOR + 1
    with pytest.raises(UnknownReply):
        kept.read(f"agent {len(others) - 1}", newest, 100)


def shelves(folder: Path, count: int = 2, **how: Any) -> list[ReplyFiles]:
    """Of so many processes of one home."""
    return [ReplyFiles(folder / "replies", folder / "activity.db", **how) for _ in range(count)]


KINDS = {
    "rows": Kept(b'["a\\u00e9", 1e400, {"b": 2}]', "application/json", rows=(b'"a\xc3\xa9"', b"1e400", b'{"b":2}')),
    "no row": Kept(b"[]", "application/json", rows=()),
    "a text": Kept("zwei\nZeilen é".encode(), "text/plain", "zwei\nZeilen é"),
    "bytes": Kept(b"\x00\n\xff", "image/png"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_what_one_process_keeps_is_read_in_another_by_the_agent_that_called(tmp_path: Path, kind: str) -> None:
    one, other = shelves(tmp_path)
    marks = [Owner(tmp_path / "activity.db") for _ in range(2)]

    async def keep_and_read() -> None:
        making, reading = KeptReplies(shelf=one), KeptReplies(shelf=other)
        uri = making.keep("ann", KINDS[kind])
        assert uri is not None
        await making.shelved()
        for agent in ("bob", "ann"):
            await reading.fetch(agent, f"{uri}?offset=0")
        with pytest.raises(UnknownReply):
            reading.read("bob", uri, 100)
        assert reading.read("ann", uri, 100) == making.read("ann", uri, 100)

    asyncio.run(keep_and_read())
    [file] = (tmp_path / "replies").iterdir()
    assert (file.stat().st_mode & 0o777, (tmp_path / "replies").stat().st_mode & 0o777) == (0o600, 0o700)
    for each in marks:
        each.release()


def test_a_reply_is_on_no_disk_where_a_process_is_alone(tmp_path: Path) -> None:
    [alone] = shelves(tmp_path, 1)
    mark = Owner(tmp_path / "activity.db")
    alone.put("a" * 24, b"x")
    mark.release()
    assert not (tmp_path / "replies").exists()


def test_shelved_replies_are_dropped_with_their_process_with_time_and_for_want_of_room(tmp_path: Path) -> None:
    now = time.time()
    one, other = shelves(tmp_path, room=25, wall=lambda: now)
    marks = [Owner(tmp_path / "activity.db") for _ in range(2)]
    with one, other:
        for number, shelf in enumerate((one, other, one)):
            name = f"{number}" * 24
            shelf.put(name, b"0123456789")
            os.utime(tmp_path / "replies" / name, (now + number, now + number))
        assert [other.get(f"{number}" * 24) is None for number in range(3)] == [True, False, False]
        now += SECONDS + 1.5
        assert [other.get(f"{number}" * 24) is None for number in range(3)] == [True, True, False]
        other.put("4" * 24, b"")
        assert sorted(each.name[0] for each in (tmp_path / "replies").iterdir()) == ["2", "4"]
    assert list((tmp_path / "replies").iterdir()) == []
    for each in marks:
        each.release()


@pytest.mark.parametrize("name", ["../secret", "", "a" * 23, "A" * 24, f"{'a' * 24}/../x", "\0"])
def test_only_a_name_of_a_reply_is_looked_for(tmp_path: Path, name: str) -> None:
    (tmp_path / "replies").mkdir()
    (tmp_path / "secret").write_text("x")
    assert shelves(tmp_path, 1)[0].get(name) is None


def test_what_is_no_reply_of_ours_is_not_read(tmp_path: Path) -> None:
    [shelf] = shelves(tmp_path, 1)
    (tmp_path / "replies").mkdir(mode=0o700)
    wrong = (b"", b"{}\n", b'{"agent":"ann","type":"a/b","text":true,"rows":null}\n\xff', b"[1]\nx",
             b'{"agent":"ann","type":"a/b","text":false,"rows":[-1]}\nx')  # fmt: skip
    for number, data in enumerate(wrong):
        name = f"{number}" * 24
        (tmp_path / "replies" / name).write_bytes(data)
        (tmp_path / "replies" / name).chmod(0o600)
        kept = KeptReplies(shelf=shelf)
        asyncio.run(kept.fetch("ann", PREFIX + name))
        with pytest.raises(UnknownReply):
            kept.read("ann", PREFIX + name, 100)


ROWS = [{"row": number, "text": "x" * 90} for number in range(100)]


@pytest.mark.slow
def test_a_reply_is_read_on_in_whichever_process_is_reached_and_gone_with_them(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir(mode=0o700)
    (tmp_path / "home" / "config.toml").write_text("[mcp]\nmax_text = 2000\n")
    with Toy(answer_json(ROWS)) as toy, served(tmp_path, 3, f"https://toy.example={toy.origin}") as (_, url):
        (tmp_path / "skills" / "rows.md").write_text(SKILL_OF_ROWS)
        uri = address(until_called(url)["content"][1]["text"])
        read = [asked(url, "resources/read", uri=uri) for _ in range(30)]  # each on a connection of its own
        other = asked(url, "resources/read", "bob", uri=uri)
        assert len(list((tmp_path / "home" / "replies").iterdir())) >= 1
    assert {json.dumps(each["result"]) for each in read} == {json.dumps(read[0]["result"])}
    assert other["error"]["message"].startswith("Nothing is kept under this address")
    assert list((tmp_path / "home" / "replies").iterdir()) == []


SKILL_OF_ROWS = """---
id: rows
name: Rows
description: Rows
utilities:
  all: {description: All, returns: array, rest: {url: "https://toy.example/rows"}}
---
"""


def asked(url: str, method: str, agent: str = "ann", **params: Any) -> Any:
    message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    headers = {"X-Agent": agent, "Accept": "application/json, text/event-stream"}
    return httpx.post(f"{url}/mcp", json=message, headers=headers, trust_env=False, timeout=30).json()


def until_called(url: str) -> Any:
    """The result of the tool, once the process that is reached has loaded its skill."""
    for _ in range(200):
        told = asked(url, "tools/call", name="rows_all", arguments={})
        if "result" in told and not told["result"].get("isError"):
            return told["result"]
        time.sleep(0.1)
    raise AssertionError(told)
