"""What is asked of a token address: each time one request, bounded, never repeated, never redirected."""

import base64
import time
from collections.abc import Callable, Mapping
from typing import Protocol, Self
from urllib.parse import quote_plus, urlencode, urlsplit

from agentos_runtime import jsontext
from agentos_runtime.calls.messages import UpstreamRequest, UpstreamResponse
from agentos_runtime.frozen import dataclass
from agentos_runtime.jsontext import Json
from agentos_runtime.manifest.model import Login
from agentos_runtime.security.credentials.redactor import Redactor
from agentos_runtime.security.credentials.secret import Secret
from agentos_runtime.security.login.answers import Granted, TokenAnswerError, granted_of, is_refused, reason_of
from agentos_runtime.security.login.callback import Callback, LoginError, resources
from agentos_runtime.security.login.pkce import METHOD, Proof

SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Client:
    """Who asks: what the file says of the client, and what the operator gave."""

    id: str | None
    """None = the service knows no clients."""
    secret: Secret | None

    @classmethod
    def of(cls, login: Login, fields: Mapping[str, Secret | None]) -> Self:
        """The client of a login, with what is stored beside its token; raises KeyError when a part is missing."""
        given = {name: value for name in login.client_fields if (value := fields[name]) is not None}
        own = given.get("client_id")
        return cls(own.reveal() if own else login.client_id, given.get("client_secret"))

    def given(self, login: Login) -> dict[str, str]:
        """What the operator gave of it, to be stored beside the token."""
        values = {"client_id": self.id, "client_secret": self.secret and self.secret.reveal()}
        return {name: value for name in login.client_fields if (value := values[name])}

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """What must not be told, also as it is sent; a client's id is known to everybody whom it logs in."""
        if self.secret is None:
            return ()
        pair = _pair(self.id or "", self.secret)
        return self.secret, Secret(pair), Secret(_base64(pair))


class Upstream(Protocol):
    """What sends the request: `upstream.Upstream`."""

    async def send(
        self, request: UpstreamRequest, *, timeout: float, retry: None, allow_private: bool
    ) -> UpstreamResponse: ...


async def exchange(
    upstream: Upstream,
    login: Login,
    client: Client,
    code: str,
    callback: Callback,
    proof: Proof,
    *,
    allow_private: bool = False,
    clock: Callable[[], float] = time.time,
) -> Granted:
    """The key for a code. Raises LoginError with the service's words, and what `upstream` raises."""
    request = token_request(login, client, code, callback, proof)
    response = await upstream.send(request, timeout=SECONDS, retry=None, allow_private=allow_private)
    host = urlsplit(login.token_url).hostname
    redactor = Redactor((Secret(code), Secret(proof.verifier), *client.secrets))
    if is_refused(response, login.token_field):
        words = reason_of(response, clock(), redactor)
        raise LoginError(
            f"{host} gave no key for the code ({response.status}): {words}. "
            "A code is good once and not for long: log in again. Nothing was stored."
        )
    try:
        return granted_of(response, login.token_field, redactor)
    except TokenAnswerError as error:
        raise LoginError(f"The answer of {host} {error}. Nothing was stored.") from None


def token_request(login: Login, client: Client, code: str, callback: Callback, proof: Proof) -> UpstreamRequest:
    """What exchanges the code: RFC 6749, 4.1.3; a service without clients gets the code and its proof alone."""
    values = {"code": code, "code_verifier": proof.verifier}
    if client.id is None:
        values |= {"code_challenge_method": METHOD}
    else:
        values |= {"grant_type": "authorization_code", "redirect_uri": callback.address}
    return _posted(login, client, values)


def renewal_request(login: Login, client: Client, refresh_token: Secret) -> UpstreamRequest:
    """What renews a token: RFC 6749, 6. The scopes are left out, which means those that were given."""
    return _posted(login, client, {"grant_type": "refresh_token", "refresh_token": refresh_token.reveal()})


def client_request(login: Login, client: Client) -> UpstreamRequest:
    """What gives a token for a client alone: RFC 6749, 4.4."""
    scope = {"scope": " ".join(login.scopes)} if login.scopes else {}
    return _posted(login, client, {"grant_type": "client_credentials", **scope})


def _posted(login: Login, client: Client, values: Mapping[str, str]) -> UpstreamRequest:
    values = {**values, **({"audience": login.audience} if login.audience is not None else {})}
    values |= dict(login.token_params)
    shown: tuple[tuple[str, str], ...] = ()
    if client.secret is not None and login.client_auth == "basic":
        shown = (("Authorization", _basic(client.id or "", client.secret)),)
    else:
        values |= {"client_id": client.id} if client.id is not None else {}
        values |= {"client_secret": client.secret.reveal()} if client.secret is not None else {}
    if login.encoding == "json":
        several: dict[str, Json] = {**values}
        if login.resource:
            several["resource"] = login.resource[0] if len(login.resource) == 1 else [*login.resource]
        kind, body = "application/json", jsontext.dump(several)
    else:
        kind = "application/x-www-form-urlencoded"
        body = urlencode([*values.items(), *resources(login)]).encode("ascii")
    headers = (("Content-Type", kind), ("Accept", "application/json"), *shown)
    return UpstreamRequest("POST", login.token_url, headers, body)


def _basic(client_id: str, secret: Secret) -> str:
    return f"Basic {_base64(_pair(client_id, secret))}"


def _pair(client_id: str, secret: Secret) -> str:
    """RFC 6749, 2.3.1: each part is written as in a form before the two are put together."""
    return f"{quote_plus(client_id)}:{quote_plus(secret.reveal())}"


def _base64(text: str) -> str:
    return base64.b64encode(text.encode("ascii")).decode("ascii")
