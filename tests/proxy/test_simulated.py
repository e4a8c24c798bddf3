"""Addresses of simulated services: answers of cases, which say so."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.openapi.lab import bundled

CHAT: dict[str, Any] = {"model": "nobody/nothing", "messages": [{"role": "user", "content": "Hello"}]}
AGENT = {"X-Agent": "tester"}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    with bundled(tmp_path_factory.mktemp("simulated")) as made:
        yield made


@pytest.mark.slow
def test_every_way_to_an_address_says_that_a_case_answered(client: httpx.Client) -> None:
    said = [
        client.post("/use/openrouter.ai/api/v1/chat/completions", json=CHAT, headers=AGENT),
        client.post("/use/openrouter.ai/api/v1/chat/completions", json=CHAT | {"stream": True}, headers=AGENT),
        client.post("/v1/chat/completions", json=CHAT | {"model": "openrouter/a"}, headers=AGENT),
        client.post("/api/use", json={"url": "https://openrouter.ai/api/v1/chat/completions", "body": CHAT}),
    ]
    assert [(a.status_code, a.text[:300]) for a in said if a.status_code != 200] == []
    kinds = [answer.headers["content-type"].partition(";")[0] for answer in said]
    assert kinds == ["application/json", "text/event-stream", "application/json", "application/json"]
    assert [answer.status_code for answer in said] == [200] * 4
    assert [answer.headers.get("x-simulated", "none").partition("; ")[2] for answer in said] == [
        "match=nearest"
    ] * 4
