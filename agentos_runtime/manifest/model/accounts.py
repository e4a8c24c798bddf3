"""Params that are the same for all calls of an account."""

from collections.abc import Mapping
from dataclasses import replace

from agentos_runtime.jsontext import Json
from agentos_runtime.manifest.model.skill import Skill, Utility


def with_account_params(skill: Skill, settings: Mapping[str, Json]) -> Skill:
    """The same, with what the operator set for an account's params as what they are unless a call says them."""

    def filled(utility: Utility) -> Utility:
        known = {name: settings[name] for name in utility.account_params if name in settings}
        return replace(utility, defaults={**known, **utility.defaults}) if known else utility

    every = {name: filled(utility) for name, utility in skill.utilities.items()}
    return skill if every == skill.utilities else replace(skill, utilities=every)
