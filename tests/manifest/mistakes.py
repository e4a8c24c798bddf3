"""Check skill files as `agentos check` does, without its command line."""

import asyncio
from collections.abc import Iterable
from pathlib import Path

from agentos_runtime.diagnostics import Problem
from agentos_runtime.jq.pool import WorkerPool
from agentos_runtime.manifest.load import load_skill
from agentos_runtime.skills.checks import check_expressions
from tests.manifest.loading import SCHEMA

MISTAKES = Path(__file__).resolve().parents[3] / "shared" / "cases" / "mistakes"


def all_problems(texts: Iterable[bytes]) -> list[tuple[Problem, ...]]:
    """Of each text everything that is said, in the order of the file; expressions are compiled."""
    return asyncio.run(_all_problems(texts))


async def _all_problems(texts: Iterable[bytes]) -> list[tuple[Problem, ...]]:
    found = []
    async with WorkerPool(size=0) as workers:
        for text in texts:
            result = load_skill(
                text, schema=SCHEMA, file=Path("readme.md"), folder=Path(), siblings=("readme.md", "icon.svg")
            )
            checked = await check_expressions(workers, result.checks)
            warnings = result.skill.warnings if result.skill else ()
            found.append(tuple(sorted((*result.problems, *checked.told, *warnings), key=_order)))
    return found


def _order(problem: Problem) -> tuple[int, int]:
    return problem.place.position.line, problem.place.position.column
