"""Whether stored credentials work: each skill's own probe is called."""

from collections.abc import Sequence

from agentos_runtime.calls.call import Call, new_request_id
from agentos_runtime.errors import AgentOSError
from agentos_runtime.frozen import dataclass
from agentos_runtime.jsontext import Json
from agentos_runtime.manifest.model import Auth
from agentos_runtime.runtime.service import Runtime


@dataclass(frozen=True, slots=True)
class Probed:
    """What became of one credential's probe; no secret stands in it."""

    skill: str
    credential: str
    utility: str | None
    """What was called; None when the skill names no probe."""
    error: AgentOSError | None
    """Why the credential cannot be taken to work; None = it works."""

    @property
    def works(self) -> bool:
        return self.utility is not None and self.error is None

    def as_json(self) -> dict[str, Json]:
        error = self.error
        return {
            "skill": self.skill,
            "credential": self.credential,
            "utility": self.utility,
            "works": self.works,
            "code": error.code if error else None,
            "error": error.message if error else None,
        }


async def probe(runtime: Runtime, skill_id: str, agent: str, credential: str | None = None) -> Sequence[Probed]:
    """Call the probe of each credential of a skill, or of the one that is named; each call has its row as `agent`.

    Empty when the skill has no such credential. Raises UnknownSkill, SkillBroken, NotAllowed, Overloaded.
    """
    auths = await runtime.credentials_of(skill_id, agent)
    chosen = [auth for auth in auths if credential in (None, auth.name)]
    return [await _probed(runtime, skill_id, auth, agent) for auth in chosen]


async def _probed(runtime: Runtime, skill_id: str, auth: Auth, agent: str) -> Probed:
    if auth.probe is None:
        return Probed(skill_id, auth.name, None, None)
    try:
        await runtime.invoke(Call(skill_id, auth.probe, {}, agent, new_request_id()))
    except AgentOSError as error:
        return Probed(skill_id, auth.name, auth.probe, error)
    return Probed(skill_id, auth.name, auth.probe, None)
