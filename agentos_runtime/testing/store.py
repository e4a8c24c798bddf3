"""All cases of the skills that are loaded, read again when they change."""

from collections.abc import Collection, Iterator
from contextvars import ContextVar
from pathlib import Path

from agentos_runtime.calls.messages import UpstreamRequest
from agentos_runtime.errors import UpstreamUnreachable
from agentos_runtime.manifest.model import Skill
from agentos_runtime.manifest.origins import origin_of
from agentos_runtime.skills.files import SkillFile, SkillFolder, Stamp, stamp
from agentos_runtime.skills.registry import Registry
from agentos_runtime.testing.fake_credentials import carries_given
from agentos_runtime.testing.load import FOLDER, case_files, read_case, unreadable_case
from agentos_runtime.testing.matching import choose, see
from agentos_runtime.testing.model import Case, CaseFile, Exchange
from agentos_runtime.testing.schema import CaseSchema

MOST_NAMED = 12
_State = tuple[str, Stamp | None]


class CaseStore:
    """Answers which case fits a request. A case file that is saved counts at once."""

    def __init__(self, registry: Registry, schema: CaseSchema) -> None:
        self._registry = registry
        self._schema = schema
        self._known: dict[Path, tuple[_State, CaseFile]] = {}
        self._last: ContextVar[dict[Path, int]] = ContextVar("last")
        """Of a case with several exchanges, which one answered last: each call has a place of its own."""

    def files(self, skills: Collection[str] = ()) -> list[CaseFile]:
        """Every case file of these skills, or of all, that are ready; right or wrong. No other is read."""
        wanted = [entry for entry in self._registry.entries if not skills or entry.id in skills]
        return [found for entry in wanted if entry.skill for found in self._of(entry.skill, entry.folder)]

    def cases(self) -> list[Case]:
        return [found.case for found in self.files() if found.case is not None]

    def choose(self, request: UpstreamRequest, *, streaming: bool) -> Case:
        """The case that answers the request. Raises UpstreamUnreachable when none is about such a one."""
        cases = self.cases()
        seen = see(request)
        single = [each.alone(index) for each in cases for index in range(len(each.exchanges))]
        case = choose(single, seen, streaming=streaming)
        if case is None:
            what = f"{seen.method} {seen.address.origin}{seen.address.path}"
            raise UpstreamUnreachable(_nothing_fits(what, seen.address.origin, cases, streaming))
        whole = next(each for each in cases if each.file == case.file)
        if len(whole.exchanges) == 1:
            return case
        return whole.alone(self._turn(whole, case.exchanges[0], self._begins(whole, request)))

    def _begins(self, case: Case, request: UpstreamRequest) -> int:
        """The exchange from which on a case answers: what carries a token that it gave comes after that.

        Another call may have had it, so that this one asks for none.
        """
        skill = next(
            entry.skill for entry in self._registry.entries if entry.skill and entry.skill.id == case.skill
        )
        for login in (auth.login for auth in skill.auth.values() if auth.login is not None):
            if carries_given(request, login.token_field):
                urls = [each.request.url for each in case.exchanges]
                return urls.index(login.token_url) + 1 if login.token_url in urls else 0
        return 0

    def _turn(self, case: Case, chosen: Exchange, begins: int) -> int:
        """Of exchanges with the same request the next one: a job that is asked for again is further on each time.

        The last one answers from then on, until the call begins anew.
        """
        every = [index for index, each in enumerate(case.exchanges) if each.request == chosen.request]
        same = [index for index in every if index >= begins] or every
        places = self._last.get(None)
        if places is None:
            self._last.set(places := {})
        last = places.get(case.file, -1)
        following = [index for index in same if index > last]
        index = following[0] if following else same[0] if same[0] == 0 else same[-1]
        places[case.file] = index
        return index

    def _of(self, skill: Skill, folder: SkillFolder) -> Iterator[CaseFile]:
        try:
            files = case_files(SkillFile(folder, skill.file))
        except OSError as error:
            yield unreadable_case(skill.file.parent / FOLDER, skill, error)
            return
        for file in files:
            state = (skill.digest, stamp(file.path))
            known = self._known.get(file.path)
            if known is None or known[0] != state:
                known = self._known[file.path] = (state, read_case(file, skill, self._schema))
            yield known[1]


def _nothing_fits(what: str, origin: str, cases: list[Case], streaming: bool) -> str:
    cases = [case for case in cases if case.exchanges]
    near = [case for case in cases if origin_of(case.request.url) == origin] or cases
    named = [f"{case.skill}/{case.utility.name} {case.name}" for case in near[:MOST_NAMED]]
    more = f" and {len(near) - MOST_NAMED} more" if len(near) > MOST_NAMED else ""
    there = f"There are: {', '.join(named)}{more}." if named else "There are no cases at all."
    how = "a stream of " if streaming else ""
    return (
        f"This is a simulation, and no case answers {how}{what}. {there} "
        f"Write one as {FOLDER}/NAME.yaml beside the skill's readme.md."
    )
