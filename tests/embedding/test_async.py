"""A program that holds a runtime: the same calls, limits and records as over HTTP, without a server."""

import asyncio
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from agentos_runtime import (
    AgentOSError,
    Call,
    Caller,
    InvalidAgent,
    InvalidParams,
    NotAllowed,
    Settings,
    SettingsError,
    open_runtime,
    simulation,
)
from tests.embedding.support import ENVIRON, KEY, chat, say, settings_for, write_config
from tests.toy.raw import Exchange, Toy, answer

OPERATOR = Caller("embedded", operator=True)


def test_a_call_goes_out_with_the_key_that_the_program_never_names(tmp_path: Path) -> None:
    async def main(toy: Toy) -> str:
        async with open_runtime(settings_for(tmp_path, toy), ENVIRON, watch=False) as runtime:
            reply = await runtime.invoke(say("hello"))
            return f"{reply.value} {reply!r}"

    with Toy(answer(body=b'{"heard": "%s"}' % KEY.encode())) as toy:
        said = asyncio.run(main(toy))
    assert toy.requests[0].header("x-key") == KEY
    assert toy.requests[0].body == b'{"text":"hello"}'
    assert KEY not in said


def test_keys_and_settings_are_those_of_the_process_where_none_are_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        async with open_runtime(watch=False) as runtime:
            await runtime.invoke(say("hello"))

    with Toy(answer(body=b"{}")) as toy:
        settings = settings_for(tmp_path, toy)
        environ = {
            "AGENTOS_HOME": str(settings.home),
            "AGENTOS_SKILLS": str(settings.skills[0]),
            "AGENTOS_ONLY_SKILLS": "true",
            "AGENTOS_REWRITE": f"https://toy.example={toy.origin}",
            **ENVIRON,
        }
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        asyncio.run(main())
    assert toy.requests[0].header("x-key") == KEY


def test_a_setting_that_cannot_be_used_is_refused_before_anything_opens(tmp_path: Path) -> None:
    async def main() -> None:
        async with open_runtime(environ={"AGENTOS_HOME": str(tmp_path / "home"), "AGENTOS_MAX_REPLY": "none"}):
            pass

    with pytest.raises(SettingsError, match="max_reply"):
        asyncio.run(main())
    assert os.listdir(tmp_path) == []


def test_a_stream_is_left_with_its_block_and_its_row_says_so(tmp_path: Path) -> None:
    async def main() -> list[str]:
        async with open_runtime(Settings(home=tmp_path / "home"), {}, dependencies=simulation()) as runtime:
            whole = ""
            async with await runtime.stream(chat("Count to three.")) as stream:
                async for batch in stream:
                    whole = batch[-1].data["content"] if batch[-1].name == "done" else whole
            assert whole == "One, two, three."
            async with await runtime.stream(chat("Count to three.")) as stream:
                async for _ in stream:
                    break
            rows = (await runtime.activity({}, OPERATOR))["rows"]
            assert isinstance(rows, list)
            return [str(row["outcome"]) for row in rows if isinstance(row, dict)]

    assert asyncio.run(main()) == ["cancelled", "ok"]


def test_a_call_that_names_no_request_has_an_id_of_its_own_in_the_activity(tmp_path: Path) -> None:
    call, other = chat("What do parrots like"), chat("What do parrots like")

    async def main() -> list[object]:
        async with open_runtime(Settings(home=tmp_path / "home"), {}, dependencies=simulation()) as runtime:
            await runtime.invoke(call)
            rows = (await runtime.activity({}, OPERATOR))["rows"]
            assert isinstance(rows, list)
            return [row["request_id"] for row in rows if isinstance(row, dict)]

    assert asyncio.run(main()) == [call.request_id]
    assert call.request_id.startswith("req_")
    assert call.request_id != other.request_id


def test_an_agents_name_is_enough_to_see_the_skills_that_it_may_call(tmp_path: Path) -> None:
    write_config(tmp_path / "home", '[limits.agents.embedded]\nallow = ["open-meteo"]\n')

    async def main() -> tuple[list[object], list[object]]:
        settings = Settings.from_environ({}, {"home": str(tmp_path / "home")})
        async with open_runtime(settings, {}, dependencies=simulation(), watch=False) as runtime:
            with pytest.raises(NotAllowed):
                await runtime.invoke(chat("What do parrots like"))
            own, others = runtime.catalog("embedded"), runtime.catalog("somebody-else")
            return [names(own.entries()), names(others.entries())], names(
                runtime.catalog("embedded", everything=True).entries()
            )

    def names(entries: object) -> list[object]:
        assert isinstance(entries, list)
        return sorted(entry["id"] for entry in entries)

    (own, others), asked_for_everything = asyncio.run(main())
    assert own == ["open-meteo"]
    assert others == [
        *("anthropic", "gemini", "github", "hackernews", "ollama"),
        *("open-meteo", "openai", "openrouter", "sqlite", "todoist"),
    ]
    assert asked_for_everything == own


def test_a_failure_is_an_error_with_its_code_and_what_is_wrong(tmp_path: Path) -> None:
    async def main() -> InvalidParams:
        async with open_runtime(Settings(home=tmp_path / "home"), {}, dependencies=simulation()) as runtime:
            with pytest.raises(InvalidParams) as refused:
                await runtime.invoke(Call("openrouter", "chat", {"model": 1}))
            return refused.value

    error = asyncio.run(main())
    assert error.code == "invalid_params"
    assert {problem.path for problem in error.problems} == {"model", "messages"}


@pytest.mark.parametrize("key", ["", " one", "two\nlines", "x" * 256])
def test_a_key_that_no_header_could_carry_is_none_here_either(tmp_path: Path, key: str) -> None:
    call = Call("open-meteo", "find_place", {"name": "Xyzzy"}, idempotency_key=key)

    async def main() -> None:
        async with open_runtime(Settings(home=tmp_path / "home"), {}, dependencies=simulation()) as runtime:
            for ask in (runtime.invoke, runtime.stream, runtime.preview):
                with pytest.raises(InvalidParams):
                    await ask(call)

    asyncio.run(main())


@pytest.mark.parametrize("name", ["", " embedded", "two\nlines", "Ünal", "x" * 65, None])
def test_a_name_that_no_header_could_carry_is_no_agents_name_here_either(tmp_path: Path, name: Any) -> None:
    call = Call("open-meteo", "find_place", {"name": "Xyzzy"}, agent=name)

    async def main() -> object:
        async with open_runtime(Settings(home=tmp_path / "home"), {}, dependencies=simulation()) as runtime:
            for ask in (runtime.invoke, runtime.stream, runtime.preview):
                with pytest.raises(InvalidAgent):
                    await ask(call)
            return (await runtime.activity({}, OPERATOR))["rows"]

    assert asyncio.run(main()) == []


def test_a_runtime_that_is_closed_refuses_calls_and_keeps_nobody_waiting(tmp_path: Path) -> None:
    async def main() -> None:
        async with open_runtime(Settings(home=tmp_path / "home"), {}, dependencies=simulation()) as runtime:
            pass
        for ask in (runtime.invoke, runtime.stream, runtime.preview):
            with pytest.raises(RuntimeError, match="the runtime is closed"):
                await ask(chat("Count to three."))

    asyncio.run(main())


def test_a_stream_that_nobody_closed_is_closed_with_its_runtime(tmp_path: Path) -> None:
    async def main() -> list[object]:
        settings = Settings(home=tmp_path / "home")
        async with open_runtime(settings, {}, dependencies=simulation()) as runtime:
            stream = await runtime.stream(chat("Count to three."))
            await anext(stream)
        assert [batch async for batch in stream] == []
        await stream.aclose()
        async with open_runtime(settings, {}, dependencies=simulation()) as runtime:
            rows = (await runtime.activity({}, OPERATOR))["rows"]
            assert isinstance(rows, list)
            return [row["outcome"] for row in rows if isinstance(row, dict)]

    assert asyncio.run(main()) == ["cancelled"]


def test_a_call_that_outlasts_its_runtime_ends(tmp_path: Path) -> None:
    async def main(toy: Toy) -> None:
        async with open_runtime(settings_for(tmp_path, toy), ENVIRON, watch=False) as runtime:
            late = asyncio.create_task(runtime.invoke(say("hello")))
            await asyncio.to_thread(arrived.wait, 30)
        with pytest.raises(AgentOSError):
            await late

    def wait(exchange: Exchange) -> None:
        arrived.set()
        exchange.stall()

    arrived = threading.Event()
    with Toy(wait) as toy:
        asyncio.run(main(toy))


def test_a_runtime_refuses_calls_in_another_event_loop(tmp_path: Path) -> None:
    async def main(toy: Toy) -> None:
        async with open_runtime(settings_for(tmp_path, toy), ENVIRON, watch=False) as runtime:
            for ask in (runtime.invoke, runtime.stream, runtime.preview):
                with pytest.raises(RuntimeError, match="belongs to the event loop that opened it"):
                    await asyncio.to_thread(lambda ask=ask: asyncio.run(ask(say("hello"))))  # type: ignore[misc]
            await runtime.invoke(say("hello"))

    with Toy(answer(body=b"{}")) as toy:
        asyncio.run(main(toy))
        assert len(toy.requests) == 1


CIRCLE: list[object] = []
CIRCLE.append(CIRCLE)
NOT_JSON = [None, ["a"], {1: "a"}, {"text": object()}, {"text": float("nan")}, {"text": 10**5000}, {"text": CIRCLE}]


@pytest.mark.parametrize("params", NOT_JSON, ids=lambda given: type(given).__name__)
def test_params_that_are_no_json_object_are_refused_by_name(tmp_path: Path, params: Any) -> None:
    async def main(toy: Toy) -> str:
        settings = settings_for(tmp_path, toy)
        file = settings.skills[0] / "toy" / "readme.md"
        file.write_text(file.read_text().replace("{type: string, required: true}", "{}"))
        async with open_runtime(settings, ENVIRON, watch=False) as runtime:
            with pytest.raises(InvalidParams) as refused:
                await runtime.invoke(Call("toy", "say", params))
            return str(refused.value)

    with Toy(answer(body=b"{}")) as toy:
        said = asyncio.run(main(toy))
        assert toy.requests == []
    assert ("text cannot be written as JSON" if isinstance(params, dict) and "text" in params else "a dict") in said
