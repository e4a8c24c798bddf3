"""The code becomes the key: one request to the service, bounded, never repeated, never redirected."""

import time
from collections.abc import Callable, Mapping
from typing import Protocol
from urllib.parse import urlencode, urlsplit

from agentos_runtime import jsontext
from agentos_runtime.calls.messages import UpstreamRequest, UpstreamResponse
from agentos_runtime.jsontext import Json
from agentos_runtime.manifest.model import Login
from agentos_runtime.security.credentials.redactor import Redactor
from agentos_runtime.security.credentials.secret import Secret
from agentos_runtime.security.login.answers import Granted, TokenAnswerError, read_granted, reason_of
from agentos_runtime.security.login.callback import Callback, LoginError, resources
from agentos_runtime.security.login.pkce import METHOD, Proof

SECONDS = 30.0


class Upstream(Protocol):
    """What sends the request: `upstream.Upstream`."""

    async def send(
        self, request: UpstreamRequest, *, timeout: float, retry: None, allow_private: bool
    ) -> UpstreamResponse: ...


async def exchange(
    upstream: Upstream,
    login: Login,
    code: str,
    callback: Callback,
    proof: Proof,
    *,
    allow_private: bool = False,
    clock: Callable[[], float] = time.time,
) -> Granted:
    """The key for a code. Raises LoginError with the service's words, and what `upstream` raises."""
    request = token_request(login, code, callback, proof)
    response = await upstream.send(request, timeout=SECONDS, retry=None, allow_private=allow_private)
    host = urlsplit(login.token_url).hostname
    if not 200 <= response.status < 300:
        words = Redactor((Secret(code), Secret(proof.verifier))).clean_text(reason_of(response, clock()))
        raise LoginError(
            f"{host} gave no key for the code ({response.status}): {words}. "
            "A code is good once and not for long: log in again. Nothing was stored."
        )
    try:
        return read_granted(response.body, login.token_field)
    except TokenAnswerError as error:
        raise LoginError(f"The answer of {host} {error}. Nothing was stored.") from None


def token_request(login: Login, code: str, callback: Callback, proof: Proof) -> UpstreamRequest:
    """What exchanges the code: RFC 6749, 4.1.3; a service without clients gets the code and its proof alone."""
    values = {"code": code, "code_verifier": proof.verifier}
    if login.client_id is None:
        values |= {"code_challenge_method": METHOD}
    else:
        values |= {
            "grant_type": "authorization_code",
            "client_id": login.client_id,
            "redirect_uri": callback.address,
        }
    return _posted(login, values)


def renewal_request(login: Login, refresh_token: Secret) -> UpstreamRequest:
    """What renews a token: RFC 6749, 6. The scopes are left out, which means those that were given."""
    values = {"grant_type": "refresh_token", "refresh_token": refresh_token.reveal()}
    return _posted(login, values | ({"client_id": login.client_id} if login.client_id is not None else {}))


def _posted(login: Login, values: Mapping[str, str]) -> UpstreamRequest:
    values = {**values, **({"audience": login.audience} if login.audience is not None else {})}
    values |= dict(login.token_params)
    if login.encoding == "json":
        several: dict[str, Json] = {**values}
        if login.resource:
            several["resource"] = login.resource[0] if len(login.resource) == 1 else [*login.resource]
        kind, body = "application/json", jsontext.dump(several)
    else:
        kind = "application/x-www-form-urlencoded"
        body = urlencode([*values.items(), *resources(login)]).encode("ascii")
    headers = (("Content-Type", kind), ("Accept", "application/json"))
    return UpstreamRequest("POST", login.token_url, headers, body)
