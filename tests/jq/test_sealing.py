"""Nothing that an expression says reads the environment or a file, or leaves its place in the program."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentos_runtime import jsontext
from agentos_runtime.jq.pool import Outcome, WorkerPool
from agentos_runtime.jq.program import (
    Program,
    reply_program,
    request_program,
    stream_program,
    value_program,
)
from tests.jq.support import check, linux_only, open_pool, with_pool
from tests.sizes import examples

CANARY = "canary-7b1f0c"
ATTACKS: list[str] = json.loads(Path(__file__).with_name("attacks.json").read_text(encoding="utf-8"))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of files that hold the canary, which is in the environment too."""
    monkeypatch.setenv("CANARY", CANARY)
    monkeypatch.setenv("OPENROUTER_API_KEY", CANARY)
    monkeypatch.chdir(tmp_path)
    for name in ("d.json", "d.jq", "home.jq"):
        (tmp_path / name).write_text(f'"{CANARY}"' if name.endswith("json") else f'def f: "{CANARY}";')
    return tmp_path


def programs(source: str) -> list[Program]:
    """The source in every place that a skill can put it."""
    return [
        request_program("", ["1", source, "2"]),
        request_program(source, ["1", "f"]),
        reply_program("", source, ".", [".", source]),
        reply_program("", None, source, [".", source]),
        stream_program("", source, source, source),
        value_program("", source),
        value_program(source, "."),
    ]


async def everything_said(pool: WorkerPool, source: str) -> str:
    """All that comes back from checking and running it, from the worker's own words on."""
    said = [repr(await check(pool, source)), repr(await check(pool, ".", source))]
    for program in programs(source):
        said.append(repr(await pool.run(program, b'{"params":{},"events":[{}],"whole":{},"body":{}}')))
        said.append(repr(await pool._ask(program, b"{}")))
    return "\n".join(said)


@pytest.mark.slow
def test_no_attack_program_sees_the_environment_or_a_file(folder: Path) -> None:
    assert len(ATTACKS) >= 70
    with open_pool() as (run, pool):
        for attack in ATTACKS:
            source = attack.replace("FOLDER", str(folder))
            assert CANARY not in run(everything_said(pool, source)), source


@pytest.mark.slow
def test_the_seal_alone_holds_even_where_the_environment_is_full(folder: Path) -> None:
    """The sealed text, run by jq where there is an environment, gives none of it away."""
    script = (
        "import jq, sys, json\n"
        "for text in json.load(sys.stdin):\n"
        "    try:\n"
        "        print(list(jq.compile(text).input_text('{\"events\":[{}]}')))\n"
        "    except ValueError as error:\n"
        "        print(error)\n"
    )
    texts = [
        program.text
        for attack in ATTACKS
        if "range(1e" not in attack
        for program in programs(attack.replace("FOLDER", str(folder)))
    ]
    process = _python(script, json.dumps(texts))
    assert len(process.splitlines()) >= len(texts)
    assert CANARY not in process


def _python(script: str, given: str) -> str:
    done = subprocess.run([sys.executable, "-c", script], input=given, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


PIECES = """
env $ENV .CANARY ["CANARY"] | ( ) { } [ ] " \\( , ; # \\ input inputs halt_error def_f: def_env: as_$x $x
$__loc__ ?// try catch . import "d" include {search: modulemeta getpath @json reduce foreach error :: 1
"""
pieces = st.sampled_from(
    [piece.replace("_", " ", piece.startswith(("def", "as"))) for piece in PIECES.split()] + ["\n"]
)


def test_no_mixture_of_dangerous_pieces_sees_anything(folder: Path) -> None:
    with open_pool() as (run, pool):

        @settings(deadline=None, max_examples=examples(300))
        @given(st.lists(pieces, min_size=1, max_size=8).map(" ".join), st.lists(pieces, max_size=4).map("".join))
        def probe(source: str, definitions: str) -> None:
            async def go() -> str:
                program = request_program(definitions, [source, source])
                return repr((await check(pool, source, definitions), await pool.run(program, b"{}")))

            assert CANARY not in run(go())

        probe()


@linux_only
def test_a_worker_has_no_environment_no_folder_and_no_open_files_of_its_own(folder: Path) -> None:
    async def use(pool: WorkerPool) -> None:
        assert await check(pool, ".") is None
        assert len(pool.pids) == 3
        for pid in pool.pids:
            process = Path(f"/proc/{pid}")
            assert (process / "environ").read_bytes() == b""
            assert os.readlink(process / "cwd") == "/"
            assert CANARY not in (process / "cmdline").read_text()
            limits = (process / "limits").read_text()
            for name in ("Max core file size", "Max file size", "Max processes"):
                assert limits.split(name)[1].split()[:2] == ["0", "0"]
            assert limits.split("Max address space")[1].split()[:2] == [str(512 << 20)] * 2
            opened = [os.readlink(descriptor) for descriptor in (process / "fd").iterdir()]
            assert limits.split("Max open files")[1].split()[1] == str(len(opened))
            assert {name.split(":")[0] for name in opened} <= {"socket", "/memfd", "/dev/null"}

    with_pool(use)


@pytest.mark.parametrize("source", ["1 # \\", "1 # \\\n", "1 # \\\r", "1 #", "1\n# x\\\\\\", "(1) # )"])
def test_a_program_may_end_in_any_comment(source: str) -> None:
    async def use(pool: WorkerPool) -> tuple[object, Outcome]:
        outcome = await pool.run(request_program("# \\", [source, source]), jsontext.dump({}))
        return await check(pool, source, "# \\"), outcome

    assert with_pool(use) == (None, Outcome([[1], [1]], None))


@pytest.mark.parametrize("source", ["1) | (2", "1, (2", "1]) | ([2", "1\n)) , ((2", '"\\(1', "1; 2", "1 #\n) | ("])
def test_brackets_cannot_be_escaped(source: str) -> None:
    async def use(pool: WorkerPool) -> None:
        assert await check(pool, source) is not None
        outcome = await pool.run(request_program("", [source, "$ENV, env"]), b"{}")
        assert outcome.failure is not None
        assert outcome.failure.kind == "error"

    with_pool(use)
