"""Replies that are too large for one result: cut between rows and said, or an error; the rest can be read."""

import json
from collections.abc import Iterator

import pytest

from agentos_runtime.mcp.kept import KEPT_FOR, MOST, MOST_OF_AGENT, PREFIX, Kept, KeptReplies, UnknownReply
from tests.mcp.lab import SKILL, Lab, lab

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
