"""A call of an address, as a person is asked about it."""

import hashlib
import json
from collections.abc import Iterable

from agentos_runtime.calls.requests.drafting import Draft
from agentos_runtime.jsontext import Json
from agentos_runtime.manifest.model import Effect, Skill
from agentos_runtime.proxy.finding import UTILITY
from agentos_runtime.regexes import regex
from agentos_runtime.runtime.asking import AddressMatter

LARGEST_SHOWN = 64 * 1024
"""Bytes of a body that a person is shown; of a larger one, and of one that is no text, they see size and digest."""
_INCIDENTAL = regex(
    r"accept(-.*)?|user-agent|cache-control|pragma|priority|dnt|date|idempotency-key|x-stainless-.*|x-correlation-id"
)
"""Headers that say nothing of what is done, and may differ where a client asks again."""


def matter_of(skill: Skill, name: str, effect: Effect, draft: Draft) -> AddressMatter:
    """name: by which the limits ask; the draft has the whole body."""
    utility = skill.utilities.get(name) if name != UTILITY else None
    what = utility.description if utility else "An address of the service, as the agent calls it."
    digest = hashlib.sha256(draft.raw).hexdigest() if draft.raw is not None else None
    params: dict[str, Json] = {"method": draft.method, "url": draft.url, "sha256": digest}
    if headers := _counting(draft.headers):
        params["headers"] = headers
    return AddressMatter(name, effect, what, params, _shown(draft.raw), draft)


def _counting(headers: Iterable[tuple[str, str]]) -> dict[str, Json]:
    """Those that may make another call of the same bytes, such as their type; values that came twice as a list."""
    named: dict[str, list[Json]] = {}
    for name, text in headers:
        if not _INCIDENTAL.fullmatch(name.lower()):
            named.setdefault(name.lower(), []).append(text)
    return {name: texts if len(texts) > 1 else texts[0] for name, texts in named.items()}


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
