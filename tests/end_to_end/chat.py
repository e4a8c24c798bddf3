"""The bundled chat skills behind a real server, in front of one toy that stands for all their services."""

import contextlib
import json
import shutil
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from jsonschema import Draft202012Validator

from agentos_runtime.server.limits import Limits
from tests.end_to_end.house import KEY, OPENROUTER, House, house
from tests.toy.raw import (
    Behaviour,
    Connection,
    Exchange,
    Received,
    Toy,
    answer,
    chunked_head,
    one_chunk,
    pieces,
    render_chunks,
    say,
)

ROOT = Path(__file__).resolve().parents[2]
SKILLS = ROOT / "skills"
ORIGINS = (
    OPENROUTER, "https://api.anthropic.com", "http://localhost:11434", "https://api.openai.com",
    "https://generativelanguage.googleapis.com",
)  # fmt: skip
ASK: dict[str, Any] = {"model": "toy/model", "messages": [{"role": "user", "content": "hi"}]}
EVENTS = [("Content-Type", "text/event-stream")]
LAST_CHUNK = b"0\r\n\r\n"


def schema(name: str) -> Draft202012Validator:
    text = (ROOT / "schemas" / f"chat-{name}.schema.json").read_text(encoding="utf-8")
    return Draft202012Validator(json.loads(text))


REPLY, DELTA = schema("reply"), schema("delta")


@dataclass
class Chat:
    """The server and the toy; `says` makes the toy begin anew with these behaviours."""

    house: House
    toy: Toy
    connection: Connection = field(init=False)
    """The upstream's end of the last request that `says` was for."""

    def says(self, *behaviours: Behaviour) -> None:
        self.toy.requests.clear()
        self.toy.script = tuple(map(self._noted, behaviours))

    def _noted(self, behaviour: Behaviour) -> Behaviour:
        def behave(exchange: Exchange) -> None:
            self.connection = exchange.connection
            behaviour(exchange)

        return behave

    def ask(self, params: Mapping[str, Any] = ASK, skill: str = "openrouter") -> httpx.Response:
        return self.house.call(skill, "chat", params)

    def stream(self, params: Mapping[str, Any] = ASK, skill: str = "openrouter") -> "Streamed":
        """The whole stream; what it shows of the contract is checked on the way."""
        response = self.house.call(skill, "chat", {**params, "stream": True})
        assert response.status_code == 200, response.text
        return Streamed.of(response.text)

    @property
    def sent(self) -> Received:
        """The one request that reached the upstream."""
        [request] = self.toy.requests
        return request

    @property
    def row(self) -> dict[str, Any]:
        """The newest row of the ledger."""
        return self.house.rows()[0]

    @contextlib.contextmanager
    def listening(self, params: Mapping[str, Any] = ASK, skill: str = "openrouter") -> Iterator["Listener"]:
        """A stream that is read event by event, and left with the block."""
        with self.house.client.stream(
            "POST", f"/api/skills/{skill}/chat", json={**params, "stream": True}, headers={"X-Agent": "tester"}
        ) as response:
            assert response.status_code == 200
            yield Listener(response)


@dataclass(frozen=True)
class Streamed:
    """A stream's deltas and its one end."""

    deltas: list[Any]
    end: str
    data: Any

    @classmethod
    def of(cls, text: str, told: Callable[[Any], Any] = lambda said: said) -> "Streamed":
        """Reads the bytes of a whole stream. Fails unless exactly one terminal event ends it and all data is valid.

        told: what of a delta or reply is validated.
        """
        assert text.endswith("\n\n")
        names = []
        found = []
        for block in text.split("\n\n")[:-1]:
            if block.startswith(":"):
                continue
            name, data = block.split("\n")
            names.append(name.removeprefix("event: "))
            found.append(json.loads(data.removeprefix("data: ")))
        *deltas, last = found
        assert names[:-1] == ["delta"] * len(deltas)
        for delta in deltas:
            assert delta
            if seen := told(delta):
                DELTA.validate(seen)
        if names[-1] == "done":
            REPLY.validate(told(last))
        else:
            assert names[-1] == "error"
            check_error(last)
            assert "partial" in last
        return cls(deltas, names[-1], last)

    @property
    def done(self) -> Any:
        assert self.end == "done", self.data
        return self.data

    @property
    def error(self) -> Any:
        assert self.end == "error", self.data
        return self.data

    def text(self, key: str = "content") -> str:
        """What the deltas say under a key, added up."""
        return "".join(delta.get(key, "") for delta in self.deltas)


class Listener:
    """The events of a stream as they arrive."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._bytes = response.iter_raw()
        self.text = ""
        self._read = 0

    def until(self, mark: str) -> str:
        """Read on until the mark was seen after what the last call gave."""
        while mark not in self.text[self._read :]:
            self.text += next(self._bytes).decode()
        self._read = self.text.index(mark, self._read) + len(mark)
        return self.text

    def rest(self) -> Streamed:
        self.text += b"".join(self._bytes).decode()
        return Streamed.of(self.text)


def check_error(body: Any) -> None:
    assert isinstance(body["error"], str)
    assert body["error"]
    assert isinstance(body["code"], str)
    assert body["request_id"]


@contextlib.contextmanager
def chat_house(
    folder: Path,
    *behaviours: Behaviour,
    skills: Path = SKILLS,
    limits: Limits | None = None,
    key: str = KEY,
    **more: Any,
) -> Iterator[Chat]:
    environ = dict.fromkeys([f"{name}_API_KEY" for name in ("OPENROUTER", "ANTHROPIC", "OPENAI", "GEMINI")], key)
    with (
        Toy(*(behaviours or (answer(body=b"{}"),))) as toy,
        house(
            folder,
            skills=skills,
            rewrite=dict.fromkeys(ORIGINS, toy.origin),
            environ=environ,
            limits=limits,
            **more,
        ) as running_house,
    ):
        yield Chat(running_house, toy)


def changed_skill(folder: Path, *changes: tuple[str, str], skill: str = "openrouter") -> Path:
    """A folder with a copy of a bundled skill, in whose readme texts are replaced, each exactly once."""
    target = folder / "changed" / skill
    shutil.copytree(SKILLS / skill, target)
    readme = target / "readme.md"
    text = readme.read_text(encoding="utf-8")
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    readme.write_text(text, encoding="utf-8")
    return folder / "changed"


# ------------------------------------------------------------------ what an OpenRouter says


def chunk(content: str | None = None, finish: str | None = None, **more: Any) -> dict[str, Any]:
    """A chunk as OpenRouter sends it; `more` goes into the delta, except `usage`."""
    usage = {"usage": more.pop("usage")} if "usage" in more else {}
    delta = {"role": "assistant", "content": content, **more}
    choice = {"index": 0, "delta": delta, "finish_reason": finish, "native_finish_reason": finish, "logprobs": None}
    named = {"id": "gen-1", "object": "chat.completion.chunk", "created": 1_790_000_000, "model": "toy/model-2026"}
    return {**named, "provider": "Toy", "choices": [choice], **usage}


def completion(content: str | None = None, finish: str | None = "stop", **more: Any) -> dict[str, Any]:
    """A whole body as OpenRouter sends it; `more` goes into the message, except `usage`."""
    usage = {"usage": more.pop("usage")} if "usage" in more else {}
    message = {"role": "assistant", "content": content, "refusal": None, "reasoning": None, **more}
    choice = {
        "index": 0,
        "message": message,
        "finish_reason": finish,
        "native_finish_reason": finish,
        "logprobs": None,
    }
    named = {"id": "gen-1", "object": "chat.completion", "created": 1_790_000_000, "model": "toy/model-2026"}
    return {**named, "provider": "Toy", "choices": [choice], **usage}


USAGE = {
    "prompt_tokens": 11,
    "completion_tokens": 7,
    "total_tokens": 18,
    "cost": 0.00125,
    "prompt_tokens_details": {"cached_tokens": 5},
    "completion_tokens_details": {"reasoning_tokens": 3},
}
HELLO = [chunk("Hel"), chunk("lo"), chunk("", "stop", usage=USAGE)]


def sse(*payloads: Any, done: bool = True) -> bytes:
    texts = [f"data: {json.dumps(payload, ensure_ascii=False)}\n\n" for payload in payloads]
    return "".join([*texts, "data: [DONE]\n\n"] if done else texts).encode()


def streaming(*payloads: Any, done: bool = True) -> Behaviour:
    return say(stream_bytes([sse(*payloads, done=done)]))


def stream_bytes(parts: Iterable[bytes], *, end: bool = True) -> bytes:
    """A chunked response of events, each part a chunk of its own."""
    return render_chunks(parts, headers=EVENTS, end=end)


def events_head() -> bytes:
    return chunked_head(200, EVENTS)


def in_steps(*parts: bytes, gate: Any) -> Behaviour:
    """A stream whose head comes at once; before each part and before the end `gate` is called."""
    return pieces([events_head()] + [one_chunk(part) for part in parts] + [LAST_CHUNK], Gate(gate).passing)


class Steps:
    """A gate for `in_steps`: `open(n)` lets n more parts through."""

    def __init__(self) -> None:
        self._steps = threading.Semaphore(0)

    def open(self, count: int = 1) -> None:
        self._steps.release(count)

    def wait(self) -> None:
        assert self._steps.acquire(timeout=20)


class Gate:
    """Lets the head through, then asks."""

    def __init__(self, gate: Any) -> None:
        self._gate = gate
        self._first = True

    def passing(self) -> None:
        first, self._first = self._first, False
        if not first:
            self._gate()
