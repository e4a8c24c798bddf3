"""What skills and expressions were made into is kept for a whole run of the tests, not in the home of each test.

Nearly every test has a home of its own, so that the skills that ship would be read, checked and compiled a thousand
times. An entry of the cache proves what it was made of and by which program, so none is taken for another. A test
of the cache itself asks for the fixture `own_cache`.
"""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from agentos_runtime.config.settings import Settings
from agentos_runtime.manifest.model import Skill
from agentos_runtime.skills.files import SkillFile, Stamp, stamp
from agentos_runtime.testing.load import read_case
from agentos_runtime.testing.model import CaseFile
from agentos_runtime.testing.schema import CaseSchema

VARIABLE = "AGENTOS_TEST_CACHE"
SKILLS = Path(__file__).parents[1] / "skills"
OWN = Settings.cache_folder
"""Where the program itself keeps it: in the home."""


def begin() -> None:
    """Make the folder of this run, of which the processes that it starts hear."""
    folder = Path(tempfile.mkdtemp(prefix="agentos-tests-"))
    (folder / "cache").mkdir(mode=0o700)
    os.environ[VARIABLE] = str(folder)


def kept() -> Path:
    """The cache of this run."""
    return Path(os.environ[VARIABLE], "cache")


def with_what_is_kept(home: Path) -> None:
    """Let other processes that have this home find it, too. Makes the home."""
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not (home / "cache").exists():
        (home / "cache").symlink_to(kept())


def reading_cases() -> Callable[[SkillFile, Skill, CaseSchema], CaseFile]:
    """`read_case`, which reads the two hundred cases of what ships once, and not for each simulation."""
    known: dict[tuple[Path, str, Stamp | None], CaseFile] = {}

    def read(file: SkillFile, skill: Skill, schema: CaseSchema) -> CaseFile:
        if SKILLS not in file.path.parents:
            return read_case(file, skill, schema)
        state = (file.path, skill.digest, stamp(file.path))
        if state not in known:
            known[state] = read_case(file, skill, schema)
        return known[state]

    return read
