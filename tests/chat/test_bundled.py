"""The skills that ship are examples: they load without a warning, and all of their jq compiles."""

import pytest

from tests.chat.support import SKILLS, Expressions, load

NAMES = sorted(folder.name for folder in SKILLS.iterdir() if (folder / "readme.md").is_file())


@pytest.mark.parametrize("skill", NAMES)
def test_a_bundled_skill_loads_without_a_problem(skill: str) -> None:
    loaded = load(skill)
    assert loaded.skill is not None, [str(problem) for problem in loaded.problems]
    assert [str(problem) for problem in loaded.skill.warnings] == []
    assert loaded.skill.icon is not None
    assert loaded.skill.docs.strip()
    assert all(utility.description for utility in loaded.skill.utilities.values())


@pytest.mark.slow
@pytest.mark.parametrize("skill", NAMES)
def test_all_jq_of_a_bundled_skill_compiles(skill: str, expressions: Expressions) -> None:
    checks = load(skill).checks
    assert checks
    assert [expressions.problem(check) for check in checks] == [None] * len(checks)
