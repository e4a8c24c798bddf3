"""A call of an address, as a person is asked about it."""

import hashlib
import json

from agentos_runtime.calls.requests.drafting import Draft
from agentos_runtime.jsontext import Json
from agentos_runtime.manifest.model import Effect, Skill
from agentos_runtime.proxy.finding import UTILITY
from agentos_runtime.runtime.asking import AddressMatter

LARGEST_SHOWN = 64 * 1024
"""Bytes of a body that a person is shown; of a larger one, and of one that is no text, they see size and digest."""


def matter_of(skill: Skill, name: str, effect: Effect, draft: Draft) -> AddressMatter:
    """name: by which the limits ask; the draft has the whole body."""
    utility = skill.utilities.get(name) if name != UTILITY else None
    what = utility.description if utility else "An address of the service, as the agent calls it."
    digest = hashlib.sha256(draft.raw).hexdigest() if draft.raw is not None else None
    params: dict[str, Json] = {"method": draft.method, "url": draft.url, "sha256": digest}
    return AddressMatter(name, effect, what, params, _shown(draft.raw), draft)


def _shown(body: bytes | None) -> dict[str, Json]:
    if not body:
        return {}
    shown: dict[str, Json] = {"size": len(body)}
    if len(body) > LARGEST_SHOWN:
        return shown
    try:
        text = body.decode("utf-8")
        return shown | {"body": json.loads(text, object_pairs_hook=_object)}
    except UnicodeDecodeError:
        return shown
    except (ValueError, RecursionError):
        return shown | {"body": text}


def _object(pairs: list[tuple[str, Json]]) -> Json:
    """Raises ValueError where a name stands twice: the service may read the value that would not be shown."""
    named = dict(pairs)
    if len(named) != len(pairs):
        raise ValueError
    return named
