"""The plans of what was called, each made at the utility's first call."""

from agentos_runtime.calls.plan import CallPlan, plan_call
from agentos_runtime.errors import UnsupportedPlatform
from agentos_runtime.manifest.model import Skill
from agentos_runtime.skills.visibility import CallableUtility


class Plans:
    """Keeps the plans of every skill's newest version only."""

    def __init__(self) -> None:
        self._of: dict[str, tuple[Skill, dict[str, CallPlan]]] = {}

    def plan(self, found: CallableUtility) -> CallPlan:
        """The utility's plan, made now if this is its first call since the skill was loaded."""
        skill, plans = self._of.get(found.skill.id, (None, {}))
        if skill is not found.skill:
            plans = {}
            self._of[found.skill.id] = found.skill, plans
        plan = plans.get(found.utility.name)
        if plan is None:
            plan = plans[found.utility.name] = plan_call(found.skill, found.utility, found.settings)
        return plan


def check_runs_on(plan: CallPlan, platform: str) -> None:
    """Raise UnsupportedPlatform where the skill does not run on this platform."""
    platforms = plan.skill.platforms
    if platforms and platform not in platforms:
        raise UnsupportedPlatform(
            f"The skill {plan.skill.id} runs on {', '.join(platforms)} only, and this is {platform}"
        )
