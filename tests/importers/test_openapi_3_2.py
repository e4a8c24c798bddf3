"""A whole document of OpenAPI 3.2: what it adds is kept, or told by name."""

from typing import Any

import pytest

from tests.importers.documents import LIGHTS
from tests.importers.workshop import Workshop

CALLS: list[tuple[str, dict[str, Any], str]] = [
    ("list_lamps", {"room": "a b", "limit": 5, "theme": "dark"}, "GET https://api.lights.example.com/v3/lamps?room=a%20b&limit=5\n"),
    ("list_lamps", {"theme": "dark"}, "Cookie: theme=dark\n"),
    ("count_lamps", {}, "GET https://api.lights.example.com/v3/lamps/count\n"),
    ("create_lamp", {"id": "l1", "on": True}, """--data-binary '{"id":"l1","on":true}'"""),
    ("import_history", {"text": '{"kind":"dimmed"}\n'}, "Content-Type: application/jsonl\n"),
    ("upload_pictures", {"file": ["aGVsbG8="]}, 'name="file"'),
]  # fmt: skip


def test_all_operations_are_there_and_what_cannot_be_said_is_told(workshop: Workshop) -> None:
    front = workshop.imported(LIGHTS)
    assert list(front["utilities"]) == [
        "create_chat", "watch_events", "list_history", "import_history", "list_lamps", "create_lamp", "count_lamps",
        "get_lamp", "upload_pictures", "get_sequence",
    ]  # fmt: skip
    assert set(workshop.losses(LIGHTS)) >= {
        "QUERY is no method of a manifest",
        "COPY is no method of a manifest",
        "LINK is no method of a manifest",
        "a body of multipart/mixed is sent as multipart/form-data",
        "webhooks are calls from the service, not to it",
        "other servers are not used (--base-url takes one)",
        "it answers only as a stream: call it with `stream: true`",
    }


def test_answers_of_media_types_that_stand_elsewhere_are_read(workshop: Workshop) -> None:
    utilities = workshop.imported(LIGHTS)["utilities"]
    assert list(utilities["get_lamp"]["returns"]) == ["id", "on", "colour", "since"]
    assert (utilities["list_history"]["returns"], utilities["list_history"]["rest"]["response"]) == (
        "event[]",
        {"as": "ndjson"},
    )
    assert "stream" in utilities["create_chat"]["rest"]
    assert "stream" in utilities["watch_events"]["rest"]


def test_the_calls_are_as_the_document_says(workshop: Workshop) -> None:
    workshop.imported(LIGHTS)
    for utility, params, sent in CALLS:
        assert sent in workshop.request(utility, params), utility


@pytest.mark.parametrize("own", ["https://api.lights.example.com/openapi.yaml", "lights.yaml"])
def test_references_by_the_name_that_a_document_gives_itself_stay_in_it(workshop: Workshop, own: str) -> None:
    said = LIGHTS.replace("$self: https://api.lights.example.com/openapi.yaml", f"$self: {own}")
    named = own if own.startswith("https") else "service.yaml"
    front = workshop.imported(
        said.replace("'#/components/mediaTypes/lamp'", f"'{named}#/components/mediaTypes/lamp'")
    )
    assert list(front["utilities"]["get_lamp"]["returns"]) == ["id", "on", "colour", "since"]
