"""A request as it would be sent, made without ever touching a secret."""

import base64
import secrets
from collections.abc import Iterable, Mapping
from typing import TypeAlias

from agentos_runtime.calls.messages import UpstreamRequest
from agentos_runtime.calls.requests.drafting import Draft
from agentos_runtime.calls.requests.injecting import inject
from agentos_runtime.errors import AgentOSError
from agentos_runtime.frozen import dataclass
from agentos_runtime.jsontext import Json, JsonTextError, parse
from agentos_runtime.manifest.model import Auth
from agentos_runtime.security.credentials.secret import MASK


@dataclass(frozen=True, slots=True)
class Secrets:
    """What a stand-in stands for: a field of the credential, or `username:password`; as it is or in base64."""

    fields: tuple[str, ...]
    base64: bool = False


StandIns: TypeAlias = Mapping[str, Secrets]
"""The text in the request → what will stand there."""


@dataclass(frozen=True, slots=True)
class Preview:
    """What would be sent, with a stand-in wherever a secret goes."""

    request: UpstreamRequest
    stand_ins: StandIns
    refusal: AgentOSError | None
    """What would keep it from being sent now: a key that is missing, or not approved there."""

    def masked(self) -> dict[str, Json]:
        """`{method, url, headers, body}`: secrets as `********`, the body parsed where it is JSON."""
        request = self.request
        return {
            "method": request.method,
            "url": self._mask(request.url),
            "headers": {name: self._mask(text) for name, text in request.headers},
            "body": self._body(),
        }

    def _body(self) -> Json:
        body = self.request.body
        if body is None:
            return None
        try:
            text = self._mask(body.decode("utf-8"))
        except UnicodeDecodeError:
            return f"({len(body)} bytes)"
        try:
            return parse(text)
        except JsonTextError:
            return text

    def _mask(self, text: str) -> str:
        for stand_in in self.stand_ins:
            text = text.replace(stand_in, MASK)
        return text


def preview(draft: Draft, auth: Auth | None, fields: Iterable[str], refusal: AgentOSError | None) -> Preview:
    """Finish a draft with stand-ins for the credential's fields. Raises what `inject` raises."""
    tokens = {name: secrets.token_hex(16) for name in fields}
    request = inject(draft, auth if tokens else None, (lambda use: tokens[use.field]) if tokens else None)
    stand_ins: dict[str, Secrets] = {}
    for name, token in tokens.items():
        stand_ins |= {token: Secrets((name,)), _base64(token): Secrets((name,), base64=True)}
    for pair in (("username", "password"), ("username", ""), ("", "password")):
        if {name for name in pair if name} <= tokens.keys():
            stand_ins[_base64(":".join(tokens.get(name, "") for name in pair))] = Secrets(pair, base64=True)
    return Preview(request, stand_ins, refusal)


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode("ascii")
