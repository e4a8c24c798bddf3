"""`subscriptions/listen`: a save is told to who listens, once, and only to whom it changes anything."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from agentos_runtime.server.limits import Limits
from tests.mcp.lab import SKILL, Client, Lab, lab

FILTER = {"toolsListChanged": True, "resourcesListChanged": True, "promptsListChanged": True}
ID = "io.modelcontextprotocol/subscriptionId"


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Lab]:
    with lab(tmp_path, pace=Limits(call_grace=2, ping=0.1)) as it:
        yield it


@contextmanager
def listening(client: Client, **asked: bool) -> Iterator[Iterator[Any]]:
    message = client.message("subscriptions/listen", {"notifications": asked or FILTER})
    with client.http.stream("POST", client.path, json=message, headers=client.of(message)) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        yield (
            json.loads(line.removeprefix("data: ")) for line in response.iter_lines() if line.startswith("data: ")
        )


def save(own: Lab, text: str) -> None:
    (own.house.skills / "test" / "readme.md").write_text(text, encoding="utf-8")


def test_a_save_is_told_to_who_listens_and_the_end_is_an_answer(own: Lab) -> None:
    with listening(own.client()) as events:
        first = next(events)
        assert first["method"] == "notifications/subscriptions/acknowledged"
        assert first["params"]["notifications"] == {"resourcesListChanged": True, "toolsListChanged": True}
        assert first["params"]["_meta"] == {ID: 1}
        save(own, SKILL.replace("  echo:\n", "  echo_again:\n"))
        told = [next(events), next(events)]
        assert {each["method"] for each in told} == {
            "notifications/tools/list_changed", "notifications/resources/list_changed",
        }  # fmt: skip
        assert all(each["params"]["_meta"] == {ID: 1} for each in told)
        own.house.server.stop()
        last = next(events)
        assert (last["id"], last["result"]["resultType"], last["result"]["_meta"][ID]) == (1, "complete", 1)


def test_nobody_is_told_of_what_it_does_not_see_or_did_not_ask_for(own: Lab) -> None:
    with listening(own.client(path="/mcp?tools=test/thing"), toolsListChanged=True) as events:
        assert next(events)["params"]["notifications"] == {"toolsListChanged": True}
        save(own, SKILL.replace("A sound.", "Another sound."))
        own.house.client.get("/api/health")
        while "Another" not in own.house.client.get("/api/skills/test/audio_content").text:
            pass
        save(own, SKILL.replace("One thing.", "Another thing.").replace("A sound.", "Another sound."))
        assert next(events)["method"] == "notifications/tools/list_changed"
        own.house.server.stop()
        assert "result" in next(events)


@pytest.mark.parametrize("notifications", [None, [], "all"])
def test_what_is_wanted_must_be_said(own: Lab, notifications: Any) -> None:
    assert own.client().ask("subscriptions/listen", {"notifications": notifications})["code"] == -32602


def test_only_clients_that_are_told_hear_that_they_will_be(own: Lab) -> None:
    assert own.client().ask("server/discover")["capabilities"]["tools"] == {"listChanged": True}
    old = own.client(modern=False)
    assert old.ask("initialize", {"protocolVersion": "2025-11-25"})["capabilities"]["tools"] == {}
    assert old.ask("subscriptions/listen", {"notifications": FILTER})["code"] == -32601
