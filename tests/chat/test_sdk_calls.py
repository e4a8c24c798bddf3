"""The official SDKs against the toys over HTTP: they read what the toys send, and the toys take what they send."""

import json
import random
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.chat.dialects import DIALECTS, Call, Dialect, Generation, Text, Thinking
from tests.chat.test_conformance import GENERATIONS
from tests.chat.test_sdk_models import CLIENTS, needs_clients
from tests.toy.raw import Exchange, Received, Toy, answer, answer_json

PROGRAM = Path(__file__).parent / "programs" / "sdk_calls.py"
GENERATION = Generation(
    (Thinking("Hm."), Text("I look."), Call("c1", "look", {"n": 1}), Call("c2", "look", {"n": 2, "text": "äöü 🦦"}))
)
TOLD = ["I look.", [["look", {"n": 1}], ["look", {"n": 2, "text": "äöü 🦦"}]]]
PLACES = {
    "/v1/chat/completions": "openai-completions",
    "/api/v1/chat/completions": "openrouter",
    "/v1/responses": "openai",
    "/v1/messages": "anthropic",
    "/api/chat": "ollama",
}
BY_NAME = {dialect.name: dialect for dialect in DIALECTS}


def asked(request: Received) -> tuple[Dialect, Any]:
    """Whose words a request speaks, and its body."""
    path = request.target.partition("?")[0]
    return BY_NAME[PLACES.get(path, "gemini")], json.loads(request.body)


def speak(exchange: Exchange) -> None:
    dialect, body = asked(exchange.request)
    if not (body.get("stream") or ":stream" in exchange.request.target):
        answer_json(dialect.whole(GENERATION))(exchange)
        return
    kind = "application/x-ndjson" if dialect.name == "ollama" else "text/event-stream"
    answer(body=dialect.stream(GENERATION, random.Random(1)), headers=[("Content-Type", kind)])(exchange)


@pytest.mark.slow
@needs_clients
def test_the_official_sdks_and_the_toys_understand_each_other() -> None:
    with Toy(speak) as toy:
        done = subprocess.run([str(CLIENTS), str(PROGRAM), toy.origin], capture_output=True, text=True, timeout=250)
        assert done.returncode == 0, done.stderr
        requests = list(toy.requests)
    assert json.loads(done.stdout) == {dialect.name: [TOLD, TOLD] for dialect in DIALECTS}
    seen = [asked(request) for request in requests]
    assert sorted(dialect.name for dialect, _ in seen) == sorted(3 * list(BY_NAME))
    for dialect, body in seen:
        dialect.takes(body)


FEATURES = Path(__file__).parent / "programs" / "sdk_features.py"
TELLS = {"thought": "thinking and a text", "cut": "a text that was cut", "filtered": "a text that was filtered"}
WORDS = "the otter is out"
ENDS = {
    "openai-completions": ["stop", "length", "content_filter"],
    "openrouter": ["stop", "length", "content_filter"],
    "openai": ["completed", "max_output_tokens", "content_filter"],
    "anthropic": ["end_turn", "max_tokens", "refusal"],
    "ollama": ["stop", "length"],
    "gemini": ["STOP", "MAX_TOKENS", "SAFETY"],
}


def ends(dialect: Dialect) -> list[list[Any]]:
    """What was thought and said, why it ended, and how many tokens it took."""
    thought = None if dialect.no_thoughts else "Two and two."
    said = [[thought, "Four."], [None, "Once upon"], [None, "Well"]]
    return [[*one, why, 5] for one, why in zip(said, ENDS[dialect.name], strict=False)]


def tell(exchange: Exchange) -> None:
    """What the name of the model says: a generation, a failure, a stream that breaks."""
    dialect, body = asked(exchange.request)
    name = body.get("model") or exchange.request.target.rpartition("/")[2].partition(":")[0]
    if name.startswith("fails-"):
        status = int(name.removeprefix("fails-"))
        answer_json(dialect.failure(status, WORDS), status)(exchange)
    elif name == "breaks":
        kind = "application/x-ndjson" if dialect.name == "ollama" else "text/event-stream"
        answer(body=dialect.failing_stream(WORDS), headers=[("Content-Type", kind)])(exchange)
    else:
        answer_json(dialect.whole(GENERATIONS[TELLS[name]]))(exchange)


@pytest.mark.slow
@needs_clients
def test_the_official_sdks_read_failures_and_ends_of_the_toys_and_toys_take_all_that_they_write() -> None:
    with Toy(tell) as toy:
        done = subprocess.run(
            [str(CLIENTS), str(FEATURES), toy.origin], capture_output=True, text=True, timeout=250
        )
        assert done.returncode == 0, done.stderr
        requests = list(toy.requests)
    understood = json.loads(done.stdout)
    assert {name: one["told"] for name, one in understood.items()} == {d.name: ends(d) for d in DIALECTS}
    for name, one in understood.items():
        assert one["failures"] == [[status, True] for status in (400, 401, 404, 429, 500, 503)], name
        assert one["broken"], name
    for dialect, body in (asked(request) for request in requests):
        dialect.takes(body)
