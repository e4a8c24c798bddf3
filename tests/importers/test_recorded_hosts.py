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
