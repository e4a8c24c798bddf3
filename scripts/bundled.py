"""Write agentos_runtime/security/bundled.json: digest and authority of each bundled skill. `--check` only compares.

Run it after a change of a bundled skill, or of how an authority is read from a file.
"""

import json
import sys
from pathlib import Path

from agentos_runtime.manifest.schema import ManifestSchema
from agentos_runtime.resources import read_schema
from agentos_runtime.security.bundled import BUNDLED, BundledSkill
from agentos_runtime.skills.files import SkillFolder
from agentos_runtime.skills.loading import Beside, read_skill

SKILLS = Path(__file__).parent.parent / "skills"


def main() -> None:
    text = render()
    if "--check" not in sys.argv:
        BUNDLED.write_text(text, encoding="utf-8")
    elif not BUNDLED.is_file() or BUNDLED.read_text(encoding="utf-8") != text:
        sys.exit(
            f"{BUNDLED.name} is not what skills/ says: look at what changed there, then run scripts/bundled.py"
        )


def render() -> str:
    """The file's text; a grant a line, so that a change of what a skill may do is seen as one."""
    schema, folder = ManifestSchema(read_schema("manifest")), SkillFolder(SKILLS)
    shipped = {}
    for file in folder.manifests():
        skill = read_skill(file, schema, Beside(folder, file.parent)).skill
        if skill is None:
            sys.exit(f"{file} does not load: see agentos check {file}")
        if skill.warnings:
            sys.exit(f"{file} has warnings, which nobody would see: see agentos check {file}")
        shipped[skill.id] = BundledSkill.of(skill).as_json()
    return json.dumps(shipped, indent=1, sort_keys=True) + "\n"


if __name__ == "__main__":
    main()
