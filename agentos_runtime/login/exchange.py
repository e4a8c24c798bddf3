"""The code becomes the key: one request to the service, bounded, never repeated, never redirected."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlencode, urlsplit

from agentos_runtime import jsontext
from agentos_runtime.calls.failures import http_failure
from agentos_runtime.calls.messages import UpstreamRequest, UpstreamResponse
from agentos_runtime.credentials.redactor import Redactor
from agentos_runtime.credentials.secret import Secret
from agentos_runtime.jsontext import Json, JsonTextError
from agentos_runtime.login.callback import Callback, LoginError
from agentos_runtime.login.pkce import METHOD, Proof
from agentos_runtime.manifest.model import Login

SECONDS = 30.0
LARGEST_ANSWER = 1024 * 1024
LONGEST_REASON = 300


class Upstream(Protocol):
    """What sends the request: `upstream.Upstream`."""

    async def send(
        self, request: UpstreamRequest, *, timeout: float, allow_private: bool = False
    ) -> UpstreamResponse: ...


@dataclass(frozen=True, slots=True)
class Granted:
    """What the service gave."""

    key: Secret
    expires_in: float | None
    """Seconds, when it says so. There are no refresh tokens: after that, log in again."""
    scope: str | None


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
    response = await upstream.send(request, timeout=SECONDS, allow_private=allow_private)
    if not 200 <= response.status < 300:
        words = Redactor((Secret(code), Secret(proof.verifier))).clean_text(_reason(response, clock()))
        raise LoginError(
            f"{urlsplit(login.token_url).hostname} gave no key for the code ({response.status}): {words}. "
            "A code is good once and not for long: log in again. Nothing was stored."
        )
    return _granted(login, response)


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
    if login.encoding == "json":
        kind, body = "application/json", jsontext.dump({**values})
    else:
        kind, body = "application/x-www-form-urlencoded", urlencode(values).encode("ascii")
    headers = (("Content-Type", kind), ("Accept", "application/json"))
    return UpstreamRequest("POST", login.token_url, headers, body)


def _granted(login: Login, response: UpstreamResponse) -> Granted:
    answer = _object(response.body)
    key, expires_in, scope = answer.get(login.token_field), answer.get("expires_in"), answer.get("scope")
    if not isinstance(key, str) or not key:
        host = urlsplit(login.token_url).hostname
        raise LoginError(f"The answer of {host} holds no `{login.token_field}`. Nothing was stored.")
    return Granted(
        Secret(key),
        expires_in if isinstance(expires_in, int | float) and not isinstance(expires_in, bool) else None,
        scope if isinstance(scope, str) and scope else None,
    )


def _reason(response: UpstreamResponse, now: float) -> str:
    """The service's words: OAuth's `error` and `error_description`, or whatever form its errors have."""
    answer = _object(response.body)
    said = [
        value for name in ("error", "error_description") if isinstance(value := answer.get(name), str) and value
    ]
    if said:
        return ": ".join(said)[:LONGEST_REASON]
    message = http_failure(response.status, response.headers, response.body, now).message
    return " ".join(message[:LONGEST_REASON].split()).rstrip(".") if message else "it gave no reason"


def _object(body: bytes) -> dict[str, Json]:
    try:
        value = jsontext.parse(body)
    except JsonTextError:
        return {}
    return value if isinstance(value, dict) else {}
