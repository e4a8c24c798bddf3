"""Every credential that a loaded skill declares: where it would come from, where it may go; set, removed, tried.

A key is never given back, not even in part.
"""

from collections.abc import Mapping, Sequence

from agentos_runtime.errors import ApprovalRequired, InvalidParams, NotFound, ParamProblem
from agentos_runtime.jsontext import Json
from agentos_runtime.manifest.model import Auth, Skill
from agentos_runtime.manifest.variables import variables
from agentos_runtime.runtime.home.doctor import source_of
from agentos_runtime.runtime.home.probing import probe
from agentos_runtime.runtime.operating.skills import auth_named, loaded_skills, whole_skill
from agentos_runtime.runtime.service import Runtime
from agentos_runtime.security.approvals import Approvals
from agentos_runtime.security.authority import Authority, authority_of, sort_grants
from agentos_runtime.security.credentials.lookup import Credentials, Listed, UnusableCredential
from agentos_runtime.security.credentials.store import KeyringError


def list_credentials(runtime: Runtime) -> dict[str, Json]:
    """`{"credentials": [...], "file"}`: those that loaded skills declare, then what else is stored.

    Raises PrivateFileError, KeyringError.
    """
    skills = loaded_skills(runtime.registry)
    keys = runtime.home.keys
    if keys is None:
        made_up: list[Json] = [
            _declared(skill, auth) | {"source": "simulation", "problem": None, "stored": False, "set_at": None}
            for skill in skills.values()
            for auth in skill.auth.values()
        ]
        return {"credentials": made_up, "file": None}
    stored = {(each.skill, each.credential): each for each in keys.credentials.list()}
    rows: list[Json] = [
        _shown(skill, auth, keys.credentials, keys.approvals, stored.pop((skill.id, auth.name), None))
        for skill in skills.values()
        for auth in skill.auth.values()
    ]
    rows += [_orphan(each) for each in stored.values()]
    return {"credentials": rows, "file": _place(runtime)}


def _place(runtime: Runtime) -> str:
    settings = runtime.home.settings
    return str(settings.credentials_file) if settings.database is None else "the database"


def set_credential(
    runtime: Runtime, skill_id: str, name: str, fields: Mapping[str, str], shown: str
) -> dict[str, Json]:
    """Store a credential for the places that were shown: `shown` is the `authority` that the list gave.

    Raises UnknownSkill, SkillBroken, InvalidParams, ApprovalRequired when it would go elsewhere by now, NotAllowed,
    PrivateFileError.
    """
    keys = runtime.home.own_keys()
    skill = whole_skill(runtime.registry, skill_id)
    auth = auth_named(skill, name)
    _check_fields(auth, fields)
    asked = Authority(authority_of(skill).of_credential(auth.name))
    if not asked.grants:
        raise InvalidParams(f"No utility of {skill.id} uses the {auth.name} credential, so it would go nowhere.")
    if shown != asked.digest:
        raise ApprovalRequired(
            f"The file of {skill.id} changed since it was shown where this key will go. Look again, then store it.",
            details={"skill": skill.id},
        )
    refused = keys.approvals.refused_at(skill.id) is not None
    try:
        keys.credentials.set(skill.id, auth.name, fields, frozenset() if refused else asked.grants)
    except (UnusableCredential, KeyringError) as error:
        raise InvalidParams(f"Nothing was stored: {error}") from None
    stored = {(each.skill, each.credential): each for each in keys.credentials.list()}
    return _shown(skill, auth, keys.credentials, keys.approvals, stored.get((skill.id, auth.name)))


def remove_credential(runtime: Runtime, skill_id: str, name: str) -> None:
    """Forget a stored credential. Raises NotFound, NotAllowed, PrivateFileError, KeyringError."""
    if not runtime.home.own_keys().credentials.remove(skill_id, name):
        raise NotFound(f"No {name} key of {skill_id} is stored.", details={"skill": skill_id})


async def probe_credential(runtime: Runtime, skill_id: str, name: str, agent: str) -> dict[str, Json]:
    """Call the probe of a credential: `{skill, credential, utility, works, code, error}`; the call has its row.

    Raises UnknownSkill, SkillBroken, NotAllowed, NotFound.
    """
    found = await probe(runtime, skill_id, agent, name)
    if not found:
        raise NotFound(f"{skill_id} has no credential {name!r}.", details={"skill": skill_id})
    return found[0].as_json()


def _check_fields(auth: Auth, fields: Mapping[str, str]) -> None:
    problems = [ParamProblem(f"fields.{name}", "is not asked for") for name in fields if name not in auth.asked]
    problems += [ParamProblem(f"fields.{name}", "is missing") for name in auth.asked if not fields.get(name)]
    if problems:
        raise InvalidParams(f"The credential has the fields {' and '.join(auth.asked)}.", problems=problems)


def _shown(
    skill: Skill, auth: Auth, credentials: Credentials, approvals: Approvals, stored: Listed | None
) -> dict[str, Json]:
    found = source_of(credentials, skill.id, auth)
    granted = stored.grants if stored else frozenset()
    asked = authority_of(skill).of_credential(auth.name)
    grants: list[Json] = [
        grant.as_json() | {"approved_by": approvals.covers(skill, grant, granted)} for grant in sort_grants(asked)
    ]
    return _declared(skill, auth) | {
        "source": found.source,
        "problem": found.problem,
        "stored": stored is not None,
        "set_at": stored.set_at if stored else None,
        "grants": grants,
        "refused_at": approvals.refused_at(skill.id),
    }


def _declared(skill: Skill, auth: Auth) -> dict[str, Json]:
    asked = authority_of(skill).of_credential(auth.name)
    grants: Sequence[Json] = [grant.as_json() | {"approved_by": "simulation"} for grant in sort_grants(asked)]
    return {
        "skill": skill.id,
        "name": skill.name,
        "loaded": True,
        "credential": auth.name,
        "label": auth.label,
        "type": auth.kind,
        "fields": list(auth.asked),
        "help_url": auth.help_url,
        "optional": auth.optional,
        "probe": auth.probe,
        "login": auth.login is not None and auth.login.in_browser,
        "variables": list(variables(skill.id, auth.name, auth.asked).values()),
        "grants": [*grants],
        "authority": Authority(asked).digest,
        "refused_at": None,
    }


def _orphan(stored: Listed) -> dict[str, Json]:
    """What is stored for a skill that is not loaded, or does not declare it any more."""
    return {
        "skill": stored.skill,
        "name": stored.skill,
        "loaded": False,
        "credential": stored.credential,
        "fields": list(stored.fields),
        "source": stored.source,
        "problem": None,
        "stored": True,
        "set_at": stored.set_at,
        "grants": [grant.as_json() | {"approved_by": "keys set"} for grant in sort_grants(stored.grants)],
    }
