"""A server and commands on one home at the same time."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.cli.console import Console
from tests.jq.support import linux_only
from tests.security.support import environment_number, serving, until
from tests.security.tally import Tally
from tests.security.till import ORIGIN, TOKENS, Till, check_agreement, deleted_files, make_home
from tests.toy.raw import Toy

BESIDE = environment_number("AGENTOS_TEST_BESIDE", 2)


@linux_only
@pytest.mark.timeout(120 + 20 * BESIDE)
def test_a_server_beside_commands_loses_nothing_and_agrees_with_its_files_after_kill_9(
    tmp_path: Path, tally: Tally
) -> None:
    skills, till, stop = make_home(tmp_path), Till(), threading.Event()
    answered: list[str] = []
    with Toy(till) as toy, ThreadPoolExecutor(4) as pool:
        rewrite = {ORIGIN: toy.origin}
        console = Console(tmp_path / "home", skills, {"AGENTOS_REWRITE": f"{ORIGIN}={toy.origin}"})
        with serving(tmp_path, skills=skills, rewrite=rewrite) as served, served.client() as client:

            def call_the_server() -> None:
                while not stop.is_set():
                    item = f"served-{len(answered)}"
                    headers = {"X-Request-Id": item, "Idempotency-Key": item}
                    answer = client.post("/api/skills/till/pay", json={"item": item}, headers=headers)
                    assert answer.status_code == 200, answer.text
                    answered.append(item)

            def command(number: int) -> int:
                code = console.spawn("call", "till", "pay", f"item=command-{number}", "--local").code
                assert deleted_files(served.process.pid) == []
                return code

            calling = pool.submit(call_the_server)
            try:
                assert until(lambda: bool(answered))
                assert list(pool.map(command, range(BESIDE))) == [0] * BESIDE
            finally:
                stop.set()
            calling.result()
            served.kill()
        with serving(tmp_path, skills=skills, rewrite=rewrite) as served, served.client() as client:
            for item in answered[-20:]:
                headers = {"Idempotency-Key": item, "X-Request-Id": f"again-{item}"}
                answer = client.post("/api/skills/till/pay", json={"item": item}, headers=headers)
                assert answer.headers["idempotency-replayed"] == "true", "it had been answered"
            last = client.post("/api/skills/till/pay", json={"item": "last"}, headers={"X-Request-Id": "last"})
            assert last.json() == {"usage": {"input_tokens": TOKENS, "output_tokens": 0}}
            assert deleted_files(served.process.pid) == []
            assert served.stop() == 0
    rows = check_agreement(tmp_path / "home")
    assert {*answered, "last"} <= rows.keys()
    assert set(rows.values()) == {"ok"}
    assert till.paid == dict.fromkeys([*answered, *(f"command-{n}" for n in range(BESIDE)), "last"], 1)
    tally.add("commands beside a server", BESIDE)
