"""How a login is read: the addresses it goes to, and what the service calls things."""

from agentos_runtime.manifest.model import Login
from agentos_runtime.manifest.report import Report
from agentos_runtime.manifest.urls import address_problem
from agentos_runtime.manifest.values import Cursor

_PLAIN = Login("", "")
"""What is meant by what is not written."""


def read_login(cursor: Cursor, report: Report) -> Login:
    """The login that a map describes; the schema has already said what is missing."""
    pkce = cursor.get("pkce")
    if pkce is not None and pkce.json is False:
        report.warning(pkce.place, "a login always uses PKCE", "Remove `pkce`", pkce.length)
    return Login(
        authorize_url=_address(cursor, "authorize_url", report),
        token_url=_address(cursor, "token_url", report),
        client_id=cursor.text("client_id"),
        scopes=cursor.texts("scopes"),
        callback=cursor.text("callback") or _PLAIN.callback,
        callback_param=cursor.text("callback_param") or _PLAIN.callback_param,
        encoding="json" if cursor.text("encoding") == "json" else "form",
        token_field=cursor.text("token_field") or _PLAIN.token_field,
    )


def _address(cursor: Cursor, key: str, report: Report) -> str:
    below = cursor.get(key)
    if below is None or not isinstance(below.json, str):
        return ""
    problem = address_problem(below.json)
    if problem:
        report.error(below.place, f"this address {problem}", None, below.length)
    return below.json
