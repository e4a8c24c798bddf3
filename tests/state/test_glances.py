"""What is looked at once in a turn of the event loop, and not a moment longer."""

import asyncio
from pathlib import Path

from agentos_runtime.security.agents import Agents
from agentos_runtime.storage.glances import Glance
from agentos_runtime.storage.private_files import PrivateFile


class _Looks:
    """Counts how often it is looked."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> int:
        self.count += 1
        return self.count


def test_all_of_one_turn_share_a_look_and_the_next_turn_looks_again() -> None:
    glance = Glance(_Looks())

    async def several() -> list[int]:
        seen = [glance.now(), glance.now()]
        await asyncio.sleep(0)
        return [*seen, glance.now()]

    assert asyncio.run(several()) == [1, 1, 2]


def test_without_a_loop_each_look_is_one() -> None:
    glance = Glance(_Looks())
    assert [glance.now(), glance.now()] == [1, 2]


def test_what_a_loop_that_has_ended_saw_is_not_shown_to_another() -> None:
    glance = Glance(_Looks())
    loop = asyncio.new_event_loop()

    def look_and_end() -> None:
        glance.now()
        loop.stop()

    async def look() -> int:
        return glance.now()

    loop.call_soon(look_and_end)
    loop.run_forever()
    loop.close()  # before its turn was over
    assert glance.now() == 2
    assert asyncio.run(look()) == 3


def test_a_file_that_was_changed_by_the_same_object_is_looked_at_again_in_the_same_turn(tmp_path: Path) -> None:
    agents = Agents(PrivateFile(tmp_path / "agents.json"))

    async def stop_and_go_on() -> list[bool]:
        seen = [agents.stopped_at("a") is not None]
        agents.stop("a")
        seen.append(agents.stopped_at("a") is not None)
        agents.resume("a")
        return [*seen, agents.stopped_at("a") is not None]

    assert asyncio.run(stop_and_go_on()) == [False, True, False]


def test_what_another_process_changed_counts_from_the_next_turn_on(tmp_path: Path) -> None:
    ours, others = (Agents(PrivateFile(tmp_path / "agents.json")) for _ in range(2))

    async def stop_elsewhere() -> bool:
        assert ours.stopped_at("a") is None
        others.stop("a")
        await asyncio.sleep(0)
        return ours.stopped_at("a") is not None

    assert asyncio.run(stop_elsewhere())
