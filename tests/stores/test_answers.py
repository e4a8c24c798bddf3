"""Who makes a call and what it answered, and what waits for a person: the same over files and over a database."""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack, asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest

from agentos_runtime.config.settings import Settings
from agentos_runtime.errors import AlreadyDecided, DatabaseUnavailable, NotFound
from agentos_runtime.frozen import dataclass
from agentos_runtime.limits.idempotency.answers import Answers, LocalAnswers, Room
from agentos_runtime.limits.idempotency.replays import ReplaySettings
from agentos_runtime.limits.idempotency.store import NOBODY, Answer, Identity, Stored
from agentos_runtime.replicas import open_shared
from agentos_runtime.storage.files import with_database
from agentos_runtime.waiting.desk import Desk
from agentos_runtime.waiting.entries import Decider, Entry, Question, Standing
from tests.stores.databases import ask

KEPT = ReplaySettings(enabled=True, plain=True)
OPERATOR = Decider("operator", "token")


@dataclass(frozen=True, slots=True)
class Process:
    """One that shares the store. die: it is gone, whatever it was at."""

    answers: Answers
    desk: Desk
    die: Callable[[], Awaitable[object]]


@asynccontextmanager
async def in_files(home: Path) -> AsyncIterator[Process]:
    answers = LocalAnswers(home / "idempotency.db", Room(24, 100, 1_000_000))
    with closing(Desk(home / "waiting.db")) as desk, ExitStack() as closed:
        closed.callback(answers.close)

        async def die() -> None:
            closed.close()

        yield Process(answers, desk, die)


@asynccontextmanager
async def in_database(address: str, look_again: float = 0.25) -> AsyncIterator[Process]:
    settings = with_database(Settings(home=Path("/nonexistent"), database=address))
    async with open_shared(settings) as (_, shared):

        async def die() -> None:
            await asyncio.to_thread(ask, address, "UPDATE replica SET gone = 1 WHERE id = ?", shared.replica.id)

        with closing(shared.desk(Path("/nonexistent"), asyncio.sleep, look_again)) as desk:
            yield Process(shared.answers(KEPT), desk, die)
    settings.documents.side.close()


@pytest.fixture(params=["files", pytest.param("database", marks=pytest.mark.postgres)])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Any]:
    if request.param == "files":
        return lambda: in_files(tmp_path)
    address = request.getfixturevalue("database")
    return lambda: in_database(address)


def identity(key: str, asked: str = "this") -> Identity:
    return Identity(key.encode().ljust(32, b"."), asked.encode().ljust(32, b"."))


def text(body: str) -> Answer:
    return Answer(body.encode(), None, False)


async def known(process: Process, key: str, asked: str = "this", *, repeatable: bool = False) -> tuple[Any, ...]:
    found = await process.answers.claim(identity(key, asked), repeatable=repeatable)
    if not isinstance(found, Stored):
        return ("mine", found)
    if found.fingerprint != identity(key, asked).fingerprint:
        return ("other",)
    if found.body is not None:
        return ("replay", found.body.decode())
    return ("unknown",) if found.owner == NOBODY else ("wait",)


def test_a_call_is_claimed_by_one_and_its_answer_is_everybodys(opened: Callable[[], Any]) -> None:
    async def work() -> None:
        async with opened() as one, opened() as other:
            mine, fence = await known(one, "key")
            assert mine == "mine"
            assert await known(other, "key") == ("wait",)
            assert await known(other, "key", "something else") == ("other",)
            await one.answers.keep(identity("key"), fence, text("first"))
            assert await known(other, "key") == ("replay", "first")
            assert await known(one, "key") == ("replay", "first")
            assert await known(one, "key", "something else") == ("other",)

    asyncio.run(work())


def test_an_answer_is_kept_with_its_type_and_where_its_list_goes_on(opened: Callable[[], Any]) -> None:
    async def work() -> None:
        async with opened() as one, opened() as other:
            for key, answer in {
                "list": Answer(b"[]", None, True, "p/2"),
                "bytes": Answer(b"x", "a/b", False),
            }.items():
                _, fence = await known(one, key)
                await one.answers.keep(identity(key), fence, answer)
                found = await other.answers.claim(identity(key), repeatable=False)
                told = (found.body, found.content_type, bool(found.more), found.place)
                assert told == (answer.body, answer.content_type, answer.more, answer.place)

    asyncio.run(work())


def test_a_call_that_failed_is_made_again_and_one_that_may_have_been_made_is_not(opened: Callable[[], Any]) -> None:
    async def work() -> None:
        async with opened() as one, opened() as other:
            _, fence = await known(one, "key")
            await one.answers.leave(identity("key"), fence, unknown=False)
            mine, fence = await known(other, "key")
            assert mine == "mine"
            await other.answers.leave(identity("key"), fence, unknown=True)
            assert await known(one, "key") == await known(other, "key") == ("unknown",)
            assert (await known(one, "key", repeatable=True))[0] == "mine"

    asyncio.run(work())


def test_a_late_owner_does_not_overwrite_the_answer_of_who_took_its_place(opened: Callable[[], Any]) -> None:
    async def work() -> None:
        async with opened() as one, opened() as other:
            _, old = await known(one, "key")
            await one.die()
            assert await known(other, "key") == ("unknown",)
            _, fence = await known(other, "key", repeatable=True)
            await other.answers.keep(identity("key"), fence, text("second"))
            async with opened() as third:
                await third.answers.keep(identity("key"), old, text("late"))
                await third.answers.leave(identity("key"), old, unknown=False)
                assert await known(third, "key") == ("replay", "second")

    asyncio.run(work())


def test_a_question_is_answered_once_and_its_yes_used_once(opened: Callable[[], Any]) -> None:
    question = Question("bot", "toy", "ask", {"a": 1}, b"conditions", False, {"name": "Toy"})

    async def decide(desk: Desk, entry: Entry, *, yes: bool, minutes: int | None = None) -> Entry:
        return await desk.decide(
            entry.id, yes=yes, decider=OPERATOR, reason=None, minutes=minutes, current=lambda _: True
        )

    async def work() -> None:
        async with opened() as one, opened() as other:
            asked = await one.desk.ask(question)
            assert isinstance(asked, Entry)
            assert (asked.state, asked.times) == ("pending", 1)
            waiting = asyncio.create_task(one.desk.wait(asked, 30.0, lambda _: True))
            assert [each.id for each in (await other.desk.listed(("pending",), None, lambda _: True))[0]] == [
                asked.id
            ]
            assert (await decide(other.desk, asked, yes=True)).state == "approved"
            assert (await waiting).state == "approved"
            with pytest.raises(AlreadyDecided):
                await decide(one.desk, asked, yes=False)
            used = [await each.desk.ask(question) for each in (one, other)]
            assert [each.state for each in used if isinstance(each, Entry)] == ["used", "pending"]
            second = used[1]
            assert isinstance(second, Entry)
            await decide(one.desk, second, yes=True, minutes=5)
            await one.desk.give_back(asked.id)
            assert isinstance(await other.desk.ask(question), Standing)
            await other.desk.end_standing(second.id)
            with pytest.raises(NotFound):
                await one.desk.end_standing(second.id)
            void = await one.desk.look(asked.id, lambda _: False)
            assert void is not None
            assert void.state == "void"

    asyncio.run(work())


@pytest.mark.postgres
def test_a_yes_in_another_replica_is_told_to_the_caller_at_once(database: str) -> None:
    question = Question("bot", "toy", "ask", {}, b"conditions", False, {})

    async def work() -> None:
        async with in_database(database, look_again=3600.0) as one, in_database(database) as other:
            asked = await one.desk.ask(question)
            assert isinstance(asked, Entry)
            looked = threading.Event()

            def current(_: Entry) -> bool:
                looked.set()
                return True

            waiting = asyncio.create_task(one.desk.wait(asked, 60.0, current))
            assert await asyncio.to_thread(looked.wait, 30.0)
            await other.desk.decide(
                asked.id, yes=True, decider=OPERATOR, reason=None, minutes=None, current=lambda _: True
            )
            done, _ = await asyncio.wait({waiting}, timeout=30.0)
            assert done, "it was not told"
            assert waiting.result().state == "approved"

    asyncio.run(work())


@pytest.mark.postgres
def test_a_caller_that_leaves_claims_nothing(database: str) -> None:
    async def work() -> None:
        async with in_database(database) as one, in_database(database) as other:
            claiming = asyncio.create_task(known(one, "key"))
            await asyncio.sleep(0)
            claiming.cancel()
            for _ in range(400):
                if (await known(other, "key"))[0] == "mine":
                    return
                await asyncio.sleep(0.05)
            pytest.fail("what was claimed for nobody is still claimed")

    asyncio.run(work())


@pytest.mark.postgres
def test_a_yes_is_not_taken_for_granted_while_the_database_is_away(database: str) -> None:
    question = Question("bot", "toy", "ask", {}, b"conditions", False, {})

    async def work() -> None:
        async with in_database(database) as one:
            assert isinstance(await one.desk.ask(question), Entry)
            name = database.split("/")[3].split("?")[0]
            beside = database.replace(name, "postgres")
            ask(beside, f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
            ask(beside, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = ?", name)
            try:
                with pytest.raises(DatabaseUnavailable):
                    await one.desk.ask(question)
            finally:
                ask(beside, f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")

    asyncio.run(work())
