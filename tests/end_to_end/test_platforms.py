"""A skill that names platforms is called on those only."""

import sys
from pathlib import Path

import pytest

from tests.end_to_end.house import house
from tests.end_to_end.test_registry import eventually, manifest, said
from tests.toy.raw import Toy, answer

HERE, ELSEWHERE = ("macos", "linux") if sys.platform == "darwin" else ("linux", "macos")


@pytest.mark.parametrize("platforms", [[ELSEWHERE], [HERE], [ELSEWHERE, HERE]], ids=", ".join)
def test_a_skill_of_other_platforms_is_told_and_nothing_is_sent(tmp_path: Path, platforms: list[str]) -> None:
    with Toy(answer(body=b"{}")) as toy, house(tmp_path, rewrite={"https://toy.example": toy.origin}) as home:
        (home.skills / "toy.md").write_text(manifest(says="one", extra=f"platforms: [{', '.join(platforms)}]"))
        eventually(lambda: said(home), "one" if HERE in platforms else "unsupported_platform")
        assert bool(toy.requests) == (HERE in platforms)
