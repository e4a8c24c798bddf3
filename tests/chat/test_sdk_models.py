"""The official SDKs' models read what the toys send and what the skills send; toys take what the SDKs write."""

import json
import random
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.chat.dialects import DIALECTS, Dialect
from tests.chat.support import Expressions
from tests.chat.test_conformance import FEATURES, GENERATIONS, MATRIX, asked

CLIENTS = Path(__file__).resolve().parents[2] / "build" / "clients" / "bin" / "python"
needs_clients = pytest.mark.skipif(not CLIENTS.exists(), reason="no clients: scripts/install clients makes them")
PROGRAM = Path(__file__).parent / "programs" / "sdk_models.py"


def payloads(stream: bytes) -> list[Any]:
    """What the events of a stream hold."""
    lines = stream.decode().splitlines()
    texts = [line.removeprefix("data: ") for line in lines if line.startswith(("data: {", "{"))]
    return [json.loads(text) for text in texts]


def bodies(dialect: Dialect, expressions: Expressions) -> list[Any]:
    """What goes out for every feature, and for every reply that goes back."""
    wire = expressions.wire(dialect.skill)
    given = [asked(dialect, **params) for params in FEATURES.values()]
    given += [each for params, _ in MATRIX.values() if wire.refusal(each := asked(dialect, **params)) is None]
    for generation in GENERATIONS.values():
        reply = wire.reply(asked(dialect), dialect.whole(generation))
        results = [{"role": "tool", "tool_call_id": call["id"], "content": "r"} for call in reply["tool_calls"]]
        messages = [{"role": "user", "content": "hi"}, {"role": "assistant", **reply}, *results]
        given.append(asked(dialect, messages=messages))
    return [wire.body(each) for each in given]


@pytest.mark.slow
@needs_clients
def test_the_official_models_read_what_is_sent_both_ways_and_toys_take_what_they_write(
    expressions: Expressions,
) -> None:
    told = {
        dialect.name: {
            "whole": [dialect.whole(generation) for generation in GENERATIONS.values()],
            "events": [
                payload
                for generation in GENERATIONS.values()
                for payload in payloads(dialect.stream(generation, random.Random(1)))
            ],
            "bodies": bodies(dialect, expressions),
        }
        for dialect in DIALECTS
    }
    done = subprocess.run(
        [str(CLIENTS), str(PROGRAM)], input=json.dumps(told), capture_output=True, text=True, timeout=250
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["problems"] == []
    by_name = {dialect.name: dialect for dialect in DIALECTS}
    for name, body in answer["produced"].items():
        by_name[name].takes(body)
