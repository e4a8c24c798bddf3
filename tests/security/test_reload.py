"""A skill file that is written while it is called: no call fails, whatever half of it is on the disk."""

import contextlib
import random
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.clients import NO_TLS
from tests.end_to_end.house import House, house
from tests.security.lab import ORIGIN, PLAIN, SECRET, SKILL
from tests.security.support import environment_number, until
from tests.security.tally import Tally
from tests.toy.raw import Toy, say

WRITES = environment_number("AGENTOS_TEST_WRITES", 1000)
PATIENT = SKILL.replace("timeout: 1", "timeout: 20")
"""The lab's skill with time for an upstream that shares a busy machine."""


def halves(file: Path, text: bytes, dice: random.Random) -> None:
    """Truncate, write a part, pause, write the rest: as an editor without care does."""
    place = dice.randrange(len(text))
    with file.open("wb", buffering=0) as out:
        pause(dice)
        out.write(text[:place])
        pause(dice)
        out.write(text[place:])


def replaced(file: Path, text: bytes, dice: random.Random) -> None:
    """A new file under the same name, and for a moment none at all."""
    other = file.with_suffix(".tmp")
    other.write_bytes(text)
    if dice.random() < 0.5:
        file.unlink()
        pause(dice)
    other.rename(file)


def broken(file: Path, text: bytes, dice: random.Random) -> None:
    """Something else, then the right thing."""
    wrong = (b"", b"---\n", b"# Only text\n", text.replace(b"rest:", b"rset:"), text.replace(b"'", b""), bytes(999))
    file.write_bytes(dice.choice(wrong))
    pause(dice)
    file.write_bytes(text)


def pause(dice: random.Random) -> None:
    time.sleep(dice.choice((0, 0, 0.001, 0.004)))


@pytest.mark.slow
@pytest.mark.parametrize("write", [halves, replaced, broken])
def test_no_call_fails_while_its_file_is_written(
    tmp_path: Path, tally: Tally, write: Callable[[Path, bytes, random.Random], None]
) -> None:
    dice = random.Random(5)
    over = threading.Event()
    wrong: list[str] = []
    with served_lab(tmp_path) as (house, file):
        callers = [threading.Thread(target=call_until, args=(house, over, wrong)) for _ in range(2)]
        for caller in callers:
            caller.start()
        for number in range(WRITES // 3):
            write(file, f"{PATIENT}\nEdit {number}\n".encode(), dice)
        over.set()
        for caller in callers:
            caller.join()
        assert not wrong, wrong[:3]
        last = f"Edit {WRITES // 3 - 1}"
        assert until(lambda: last in house.client.get("/api/skills/lab").json()["docs"])
        assert "stale" not in house.client.get("/api/skills/lab").json()
    tally.add("writes to a skill file under calls", WRITES // 3)


def call_until(house: House, over: threading.Event, wrong: list[str]) -> None:
    with httpx.Client(base_url=house.server.url, timeout=30, trust_env=False, verify=NO_TLS) as client:
        while not over.is_set():
            answer = client.post("/api/skills/lab/ask", json={"fault": "well"})
            if answer.status_code != 200:
                wrong.append(answer.text)


@contextlib.contextmanager
def served_lab(folder: Path) -> Iterator[tuple[House, Path]]:
    """The lab's skill in front of an upstream that answers well."""
    skills = folder / "skills"
    skills.mkdir()
    file = skills / "lab.md"
    file.write_text(PATIENT)
    with (
        Toy(say(PLAIN)) as toy,
        house(folder, rewrite={ORIGIN: toy.origin}, environ={"LAB_API_KEY": SECRET}) as running,
    ):
        yield running, file


@pytest.mark.slow
def test_a_file_that_is_half_written_at_every_look_is_still_being_written(tmp_path: Path) -> None:
    """Many looks in a row see a file without its front matter: while it changes, nothing is believed."""
    with served_lab(tmp_path) as (house, file):
        deadline = time.monotonic() + 3
        while time.monotonic() < deadline:
            file.write_text(f"# Lab\n{time.monotonic()}")
            answer = house.call("lab", "ask", {"fault": "well"})
            assert answer.status_code == 200, answer.text
        assert until(lambda: house.call("lab", "ask", {"fault": "well"}).status_code == 404), "then it is believed"
