"""All cases of the skills that are loaded, read again when they change."""

from collections.abc import Iterator
from pathlib import Path

from agentos_runtime.calls.messages import UpstreamRequest
from agentos_runtime.cases.load import FOLDER, case_files, read_case
from agentos_runtime.cases.matching import choose, see
from agentos_runtime.cases.model import Case, CaseFile
from agentos_runtime.cases.schema import CaseSchema
from agentos_runtime.errors import UpstreamUnreachable
from agentos_runtime.manifest.model import Skill
from agentos_runtime.origins import origin_of
from agentos_runtime.skills import Registry

MOST_NAMED = 12
_State = tuple[str, int, int]


class CaseBook:
    """Answers which case fits a request. A case file that is saved counts at once."""

    def __init__(self, registry: Registry, schema: CaseSchema) -> None:
        self._registry = registry
        self._schema = schema
        self._known: dict[Path, tuple[_State, CaseFile]] = {}

    def files(self) -> list[CaseFile]:
        """Every case file of every skill that is ready, right or wrong."""
        entries = self._registry.entries
        return [found for entry in entries if entry.skill for found in self._of(entry.skill)]

    def cases(self) -> list[Case]:
        return [found.case for found in self.files() if found.case is not None]

    def choose(self, request: UpstreamRequest, *, streaming: bool) -> Case:
        """The case that answers the request. Raises UpstreamUnreachable when none is about such a one."""
        cases = self.cases()
        seen = see(request)
        case = choose(cases, seen, streaming=streaming)
        if case is None:
            what = f"{seen.method} {seen.address.origin}{seen.address.path}"
            raise UpstreamUnreachable(_nothing_fits(what, seen.address.origin, cases, streaming))
        return case

    def _of(self, skill: Skill) -> Iterator[CaseFile]:
        for file in case_files(skill.file):
            try:
                status = file.stat()
            except OSError:
                continue
            state = (skill.digest, status.st_mtime_ns, status.st_size)
            known = self._known.get(file)
            if known is None or known[0] != state:
                known = self._known[file] = (state, read_case(file, skill, self._schema))
            yield known[1]


def _nothing_fits(what: str, origin: str, cases: list[Case], streaming: bool) -> str:
    near = [case for case in cases if origin_of(case.request.url) == origin] or cases
    named = [f"{case.skill}/{case.utility.name} {case.name}" for case in near[:MOST_NAMED]]
    more = f" and {len(near) - MOST_NAMED} more" if len(near) > MOST_NAMED else ""
    there = f"There are: {', '.join(named)}{more}." if named else "There are no cases at all."
    how = "a stream of " if streaming else ""
    return (
        f"This is a simulation, and no case answers {how}{what}. {there} "
        f"Write one as {FOLDER}/NAME.yaml beside the skill's readme.md."
    )
