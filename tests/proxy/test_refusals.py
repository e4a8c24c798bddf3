"""What the runtime itself refuses or ends is told in the words of the wire, and whether to try it again."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.proxy.lab import CHAT, Lab, lab
from tests.toy.raw import Exchange, answer_json, chunked_head, one_chunk, stall

CONFIG = """
[limits.agents.poor]
cost_per_day = 0.01
[limits.agents.other]
cost_per_day = 0.01
[limits.agents.third]
cost_per_day = 0.01
[limits.agents.hurried]
calls_per_minute = 1
[limits.agents.kept]
deny = ["openrouter/*", "anthropic/*"]
"""
COSTLY = {"id": "gen-1", "model": "a/b", "usage": {"prompt_tokens": 1, "completion_tokens": 1, "cost": 0.02}}
MESSAGES = "/use/api.anthropic.com/v1/messages"
FIRST = b'data: {"choices": [{"delta": {"content": "a"}}]}\n\n'


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with lab(tmp_path_factory.mktemp("refusing"), config=CONFIG) as made:
        made.upstream.says(answer_json(COSTLY))
        yield made


def said(limited: Lab, agent: str, path: str) -> tuple[int, Any, str | None, bool]:
    """Status, the error's type, whether the client is to try again by itself, and whether it knows when."""
    answer = limited.use("POST", path, json={"model": "a/b"}, headers={"X-Agent": agent})
    kind = answer.json().get("error", {}).get("type")
    return answer.status_code, kind, answer.headers.get("x-should-retry"), "retry-after" in answer.headers


def test_a_client_tries_again_by_itself_only_what_no_person_has_to_mend(limited: Lab) -> None:
    assert said(limited, "poor", CHAT)[0] == 200
    assert said(limited, "poor", CHAT) == (402, "insufficient_quota", "false", True)
    assert said(limited, "poor", MESSAGES) == (402, "billing_error", "false", True)
    assert said(limited, "hurried", CHAT)[0] == 200
    assert said(limited, "hurried", CHAT) == (429, "rate_limit_error", None, True)
    assert said(limited, "kept", CHAT) == (403, "permission_error", "false", False)
    assert said(limited, "kept", MESSAGES) == (403, "permission_error", "false", False)
    assert said(limited, "free", "/use/api.openai.com/v1/responses") == (
        424,
        "invalid_request_error",
        "false",
        False,
    )
    assert said(limited, "free", "/use/nobody.example/v1/messages") == (404, "not_found_error", None, False)


@pytest.mark.parametrize(
    ("name", "path", "ends"), [("other", CHAT, b"data: "), ("third", MESSAGES, b"event: error\ndata: ")]
)
def test_a_budget_that_is_used_up_meanwhile_ends_a_stream_in_the_middle(
    limited: Lab, name: str, path: str, ends: bytes
) -> None:
    agent = {"X-Agent": name}

    def service(exchange: Exchange) -> None:
        if b'"stream"' not in exchange.request.body:
            return answer_json(COSTLY)(exchange)
        head = chunked_head(headers=[("Content-Type", "text/event-stream")])
        return stall(head + one_chunk(FIRST))(exchange)

    limited.upstream.says(service)
    with limited.client.stream("POST", path, json={"stream": True}, headers=agent) as stream:
        raw = stream.iter_raw()
        pieces = [next(raw)]
        assert limited.use("POST", CHAT, json={"model": "a/b"}, headers=agent).status_code == 200
        with pytest.raises(httpx.RemoteProtocolError):
            pieces.extend(raw)
    whole = b"".join(pieces)
    assert whole.startswith(FIRST + ends)
    assert b"cost_per_day" in whole
    assert b"[DONE]" not in whole
    assert [row["code"] for row in limited.house.rows()[:2]] == [None, "budget_exceeded"]


@pytest.mark.parametrize("headers", [{f"x-{index}": "a" for index in range(65)}, {"x-long": "a" * 33_000}])
def test_headers_that_are_too_many_or_too_long_go_nowhere(here: Lab, headers: dict[str, str]) -> None:
    answer = here.use("POST", CHAT, json={}, headers=headers)
    assert answer.status_code in (400, 413)
    assert here.upstream.toy.requests == []


def test_a_header_that_cannot_be_sent_is_told_by_its_name(here: Lab) -> None:
    for name, text in (("X A", "b"), ("X-A", "b\r\nc: d"), ("x" * 80 + " ", "b")):
        asked = here.client.post("/api/use", json={"url": "https://openrouter.ai/x", "headers": {name: text}})
        assert asked.status_code == 400
        assert [problem["path"] for problem in asked.json()["problems"]] == [f"headers.{name[:60]}"]
