"""The use case behind `agentos test --chat`."""

from agentos_runtime.config.settings import Settings
from agentos_runtime.frozen import dataclass
from agentos_runtime.jsontext import Json
from agentos_runtime.testing.chat.invariants import Finding, Invariants
from agentos_runtime.testing.chat.rows import ROWS, uncovered
from agentos_runtime.testing.run import NotRun, check_names, is_chat, playing


@dataclass(frozen=True, slots=True)
class ChatReport:
    """What was found about the chat of one skill."""

    skill: str
    findings: tuple[Finding, ...]
    uncovered: tuple[str, ...]
    """What a chat can be asked and can answer, and no case is about."""

    @property
    def failed(self) -> int:
        return sum(each.problem is not None for each in self.findings)

    def as_json(self) -> dict[str, Json]:
        findings: list[Json] = [each.as_json() for each in self.findings]
        return {
            "skill": self.skill,
            "findings": findings,
            "passed": len(findings) - self.failed,
            "failed": self.failed,
            "covered": len(ROWS) - len(self.uncovered),
            "uncovered": list(self.uncovered),
        }


async def try_chat(settings: Settings, skill: str) -> ChatReport:
    """Try what holds for every chat with the cases of this skill. Raises NotRun, and what `open_runtime` raises."""
    async with playing(settings) as stage:
        check_names(stage.runtime.registry, [skill])
        files = [each.case for each in stage.store.files([skill])]
        cases = [case for case in files if case is not None and is_chat(case.utility)]
        if not cases:
            raise NotRun(
                f"The skill {skill!r} has no case of a chat: a utility that returns content, tool_calls, "
                "stop_reason and usage, called in cases/NAME.yaml beside its readme.md"
            )
        findings = [finding async for finding in Invariants(stage.runner).of(cases)]
    return ChatReport(skill, tuple(findings), uncovered(cases))
