"""What a browser recorded of several hosts: the secret of one goes to no other."""

import json
from typing import Any

from tests.importers.test_recordings import SECRET, entry, header, written
from tests.importers.workshop import Workshop


def recorded(*entries: dict[str, Any]) -> str:
    return json.dumps({"log": {"entries": [*entries]}})


def called(url: str, *headers: tuple[str, str], **more: Any) -> dict[str, Any]:
    return entry("GET", url, headers=[header(*one) for one in headers], **more)


def test_a_secret_of_one_host_goes_to_no_other_that_had_one_of_its_own(workshop: Workshop) -> None:
    first, second = f"Bearer {SECRET}-1", f"Bearer {SECRET}-2"
    content = recorded(
        called("https://api.example.com/dogs", ("Authorization", first)),
        called("https://api.example.com/cats", ("Authorization", f"{first}-renewed")),
        called("https://files.example.com/toys", ("Authorization", first)),
        called("https://tracker.example.net/seen", ("Authorization", second)),
        called("https://9.example.net/bones", ("Cookie", "id=1234567890")),
        entry("GET", "https://cdn.example.net/bowls", cookies=[{"name": "id", "value": "0987654321"}]),
    )
    front = workshop.imported(content, kind="har")
    bearer = {"type": "api_key", "header": "Authorization", "prefix": "Bearer "}
    assert front["auth"]["credentials"] == {
        "default": bearer,
        "tracker_example_net": bearer,
        "key": {"header": {"Cookie": "{cookie}"}},
        "cdn_example_net": {"header": {"Cookie": "{cookie}"}},
    }
    assert {name: one.get("credential") for name, one in front["utilities"].items()} == {
        "get_dogs": None,
        "get_cats": None,
        "get_toys": None,
        "get_seen": "tracker_example_net",
        "get_bones": "key",
        "get_bowls": "cdn_example_net",
    }
    assert SECRET not in written(workshop)


def test_websockets_and_what_traces_a_call_are_left_out(workshop: Workshop) -> None:
    socket = called("https://api.example.com/live", ("Upgrade", "websocket"))
    socket["response"]["status"] = 101
    traced = called(
        "https://api.example.com/dogs",
        ("sec-fetch-mode", "cors"),
        ("traceparent", "00-1-2-01"),
        ("x-datadog-trace-id", "12"),
        ("x-client", "web"),
    )
    content = recorded(socket, called("wss://api.example.com/events"), traced)
    front = workshop.imported(content, kind="har")
    assert [*front["utilities"]] == ["get_dogs"]
    assert front["utilities"]["get_dogs"]["rest"]["headers"] == {"x-client": ".params.client"}
    told = workshop.losses(content, kind="har")
    assert told["websockets are left out"] == []
    assert told["headers that a browser adds by itself are left out"] == [
        "sec-fetch-mode", "traceparent", "x-datadog-trace-id",
    ]  # fmt: skip


META = 'Content-Disposition: form-data; name="meta"\r\nContent-Type: application/json'
PARTS = f'--x\r\n{META}\r\n\r\n{{"a": 1}}\r\n--x--\r\n'


def test_a_recorded_part_that_is_json_is_sent_as_json_and_bytes_are_a_file(workshop: Workshop) -> None:
    kind = "multipart/form-data; boundary=x"
    named = [{"name": "meta", "value": '{"a": 1}', "contentType": "application/json"}]
    packed = ["application/grpc-web+proto", "application/x-msgpack", "application/vnd.google.protobuf"]
    entries = [
        entry("POST", "https://api.example.com/dogs", postData={"mimeType": kind, "text": PARTS}),
        entry("POST", "https://api.example.com/cats", postData={"mimeType": kind, "params": named}),
        *(
            entry("POST", f"https://api.example.com/packed/{name}", postData={"mimeType": one, "text": "\x00\x01"})
            for name, one in zip("abc", packed, strict=True)
        ),
    ]
    front = workshop.imported(recorded(*entries), kind="har")
    params = [one["params"] for one in front["utilities"].values()]
    assert params[:2] == [{"meta": {"type": "object", "default": {"a": 1}}}] * 2
    assert [one["content"]["type"] for one in params[2:]] == ["file"] * 3


def test_what_is_not_imported_asks_for_no_key(workshop: Workshop) -> None:
    content = recorded(
        called("https://api.example.com/dogs", ("Authorization", f"Bearer {SECRET}")),
        called("https://old.example.com/dogs", ("X-Api-Key", SECRET)),
    )
    front = workshop.imported(content, kind="har")
    assert front["auth"] == {"type": "api_key", "header": "Authorization", "prefix": "Bearer "}
    assert workshop.losses(content, kind="har")["two hosts have this path: the first is imported"] == ["GET /dogs"]
