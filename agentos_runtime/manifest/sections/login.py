"""How a login is read: the addresses it goes to, and what the service calls things."""

from collections.abc import Iterator
from typing import Literal
from urllib.parse import urlsplit

from agentos_runtime.manifest.addresses import is_private_host
from agentos_runtime.manifest.model import Login
from agentos_runtime.manifest.report import Report
from agentos_runtime.manifest.sections.urls import address_problem
from agentos_runtime.manifest.yaml.values import Cursor

RESERVED = frozenset(
    [
        "grant_type",
        "client_id",
        "client_secret",
        "client_assertion",
        "client_assertion_type",
        "code",
        "code_verifier",
        "code_challenge",
        "code_challenge_method",
        "redirect_uri",
        "refresh_token",
        "scope",
        "audience",
        "resource",
    ]
)
"""What the runtime writes into a request to `token_url` itself."""
_PLAIN = Login("", "")
"""What is meant by what is not written."""


def read_login(cursor: Cursor, report: Report) -> Login:
    """The login that a map describes; the schema has already said what is missing."""
    for_client = cursor.text("grant") == "client_credentials"
    pkce = cursor.get("pkce")
    if pkce is not None and pkce.json is False and not for_client:
        report.warning(pkce.place, "a login always uses PKCE", "Remove `pkce`", pkce.length)
    resource = cursor.get("resource")
    return Login(
        authorize_url=_address(cursor, "authorize_url", report),
        token_url=_address(cursor, "token_url", report),
        client_id=cursor.text("client_id"),
        scopes=cursor.texts("scopes"),
        callback=cursor.text("callback") or _PLAIN.callback,
        callback_param=cursor.text("callback_param") or _PLAIN.callback_param,
        encoding="json" if cursor.text("encoding") == "json" else "form",
        token_field=cursor.text("token_field") or _PLAIN.token_field,
        audience=cursor.text("audience"),
        resource=(resource.json,) if resource and isinstance(resource.json, str) else cursor.texts("resource"),
        token_params=tuple(_token_params(cursor, report)),
        grant="client_credentials" if for_client else "authorization_code",
        client_auth=_client_auth(cursor, "basic" if for_client else None),
    )


def _client_auth(cursor: Cursor, usual: Literal["basic"] | None) -> Literal["basic", "body"] | None:
    match cursor.text("client_auth"):
        case "basic":
            return "basic"
        case "body":
            return "body"
    return usual


def _token_params(cursor: Cursor, report: Report) -> Iterator[tuple[str, str]]:
    params = cursor.get("token_params")
    for name, text in params.items() if params else ():
        if name in RESERVED:
            message = f"`{name}` of a token request is written by the runtime"
            report.error(text.key_place, message, "Remove it: it has a key of its own, or none", text.key_length)
        elif isinstance(text.json, str):
            yield name, text.json


def _address(cursor: Cursor, key: str, report: Report) -> str:
    below = cursor.get(key)
    if below is None or not isinstance(below.json, str):
        return ""
    problem = address_problem(below.json)
    if problem:
        report.error(below.place, f"this address {problem}", None, below.length)
    elif below.json.startswith("http://") and not is_private_host(urlsplit(below.json).hostname or ""):
        message = "a login goes to https:// only, so that no code or key travels for all to read"
        report.warning(below.place, message, f"Write https://{below.json[7:]}", below.length)
    return below.json
