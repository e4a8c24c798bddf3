"""Rows that the database has not taken stand in a file of the home, which outlives the process."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from agentos_runtime.storage.postgres.journal import Journal, left_behind
from tests.cli.console import SCRIPT, Console, started
from tests.login.test_renewing import call
from tests.security.support import until
from tests.stores.databases import ask, made, private_server
from tests.toy.raw import Exchange, Toy, answer

SKILL = """\
---
id: demo
name: Demo
description: A service
utilities:
  me:
    description: Who I am
    rest: {{url: {origin}/me}}
---
"""


def kept(folder: Path) -> list[Any]:
    """What dead processes left."""
    found = [*left_behind(folder)]
    lines = [line for left in found for line in left.lines()]
    for left in found:
        left.release()
    return lines


def test_what_stands_in_a_journal_is_found_once_its_process_is_dead(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    assert journal.put([[1, "ü\udc00"], [2]])
    assert kept(tmp_path) == [], "its process lives"
    assert journal.lines() == [[1, "ü\udc00"], [2]]
    journal.close()
    (file,) = tmp_path.iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    assert kept(tmp_path) == [[1, "ü\udc00"], [2]]
    file.write_bytes(file.read_bytes()[:-2])
    assert kept(tmp_path) == [[1, "ü\udc00"]], "a line that was cut off is none"
    file.chmod(0o644)
    assert kept(tmp_path) == [], "others could have written it"


def test_a_journal_that_is_full_or_cannot_be_written_says_so(tmp_path: Path) -> None:
    journal = Journal(tmp_path, most=10)
    assert journal.put([["12345"]])
    assert not journal.put([["12345"]])
    assert "is full" in str(journal.trouble)
    assert journal.lines() == [["12345"]]
    journal.clear()
    assert journal.trouble is None
    assert journal.put([["67890"]])
    journal.clear()
    journal.close()
    assert [*tmp_path.iterdir()] == []
    (tmp_path / "file").touch()
    assert not Journal(tmp_path / "file").put([[1]])


@pytest.mark.postgres
@pytest.mark.slow
def test_calls_that_were_answered_while_the_database_was_away_outlive_their_server(console: Console) -> None:
    fine = answer(body=b"{}")
    with (
        private_server() as server,
        made(server.address) as address,
        Toy(*[fine] * 9, Exchange.stall) as toy,
        ThreadPoolExecutor(1) as pool,
    ):
        console.environ["AGENTOS_DATABASE"] = address
        console.write("demo/readme.md", SKILL.format(origin=toy.origin))
        assert console.run("approve", "demo", "--yes").code == 0
        with started([*SCRIPT, "serve", "--port", "0", "--json"], env=console.environ) as process:
            assert process.stdout is not None
            url = json.loads(process.stdout.readline())["url"]
            # The first ones fill pages of the log, which the database writes at once; the last one it forgets.
            assert [call(url)[0] for _ in range(4)] == [200] * 4
            server.crash()
            assert [call(url)[0] for _ in range(5)] == [200] * 5
            open_call = pool.submit(call, url)
            assert until(lambda: len(toy.requests) == 10)
            process.kill()
            process.wait()
            with pytest.raises((OSError, EOFError)):
                open_call.result()
        server.start()
        with console.serving():
            counted = "SELECT outcome, count(*) FROM ended GROUP BY outcome ORDER BY outcome"
            assert until(lambda: ask(address, counted) == [("interrupted", 1), ("ok", 9)])
            assert until(lambda: not [*console.home.glob("journal-*")])
