"""Stand-ins for credentials: the whole way of a key is walked, with nothing that could leak."""

import re
from collections.abc import Sequence
from typing import Any, Protocol

from agentos_runtime.calls.messages import UpstreamRequest
from agentos_runtime.jsontext import Json
from agentos_runtime.manifest.model import Skill
from agentos_runtime.regexes import regex
from agentos_runtime.security.authority import Grant
from agentos_runtime.security.credentials.lookup import Listed
from agentos_runtime.security.credentials.secret import Credential, Secret
from agentos_runtime.security.pins import Pin
from agentos_runtime.storage.private_files import Stamp

STAND_IN = regex(r"simulated-secret-([A-Za-z0-9_]+)-end")


def stand_in(field: str) -> str:
    """What a simulation sends for a field of a credential."""
    return f"simulated-secret-{re.sub(r'[^A-Za-z0-9_]', '_', field)}-end"


def given_name(field: str, number: int) -> str:
    """What a simulation calls the token that a service gave as its `number`th."""
    return f"{field}_{number}"


def carries_given(request: UpstreamRequest, field: str) -> bool:
    """Whether a request carries a token that a service gave in this simulation."""
    name = re.escape(given_name(field, 0).removesuffix("0"))
    texts = (request.url, *(text for _, text in request.headers), (request.body or b"").decode("utf-8", "replace"))
    return any(re.fullmatch(rf"{name}\d+", found) for text in texts for found in STAND_IN.findall(text))


class StandIns(dict[str, Secret]):
    """Whatever field is asked for: what a client is given for its id and secret as well."""

    def __missing__(self, field: str) -> Secret:
        return Secret(stand_in(field))


class Tokens(Protocol):
    """Credentials whose tokens are asked for: `tokens.SimulatedTokens`."""

    def stamp(self) -> Stamp | None: ...

    def find(self, skill_id: str, name: str) -> Credential | None: ...


class FakeCredentials:
    """Every credential there could be, made of stand-ins. tokens: those that a case has a service give."""

    def __init__(self, tokens: Tokens | None = None) -> None:
        self._tokens = tokens

    def stamp(self) -> Stamp | None:
        return self._tokens.stamp() if self._tokens else None

    def find(self, skill_id: str, credential: str, fields: Sequence[str]) -> Credential | None:
        if self._tokens and (found := self._tokens.find(skill_id, credential)) is not None:
            return found
        secrets = StandIns({field: Secret(stand_in(field)) for field in fields})
        return Credential(secrets, "simulation", stands_in=True)

    def list(self) -> tuple[Listed, ...]:
        return ()


class EverythingApproved:
    """A simulation sends nothing anywhere, so there is nothing to approve."""

    def stamp(self) -> Stamp | None:
        return None

    def covers(self, skill: Skill, grant: Grant, stored: frozenset[Grant]) -> str | None:
        return "simulation"

    def refused_at(self, skill_id: str) -> str | None:
        return None

    def is_rewritten(self, origin: str) -> bool:
        return False

    def runs(self, skill_id: str) -> frozenset[Pin] | None:
        return None


def without_stand_ins(value: Json) -> Json:
    """JSON without the fields that hold a stand-in, which are the credential's."""
    if isinstance(value, dict):
        return {name: without_stand_ins(item) for name, item in value.items() if not _is_stand_in(item)}
    if isinstance(value, list):
        return [without_stand_ins(item) for item in value if not _is_stand_in(item)]
    return value


def named_stand_ins(text: str) -> str:
    """`…/bot{token}/getMe`: each stand-in as its field's name in braces."""
    return STAND_IN.sub(r"{\1}", text)


def _is_stand_in(value: Any) -> bool:
    return isinstance(value, str) and STAND_IN.search(value) is not None
