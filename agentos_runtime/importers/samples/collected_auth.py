"""How a request of a Postman collection proves itself: what `auth` of it, or of a folder around it, adds."""

from collections.abc import Mapping
from dataclasses import field
from typing import Any, TypeAlias

from agentos_runtime.frozen import dataclass
from agentos_runtime.importers.api import Losses
from agentos_runtime.importers.samples.addresses import Filling
from agentos_runtime.importers.samples.blanks import has_blank
from agentos_runtime.importers.samples.reading import as_map, as_text

Pairs: TypeAlias = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Added:
    """What Postman adds to a request to prove it."""

    headers: Pairs = field(default=(), repr=False)
    query: Pairs = field(default=(), repr=False)
    user: str | None = field(default=None, repr=False)
    """`user:password` of basic auth."""

    @property
    def replaced(self) -> frozenset[str]:
        """Headers of the request itself that Postman takes away for it, in lower case."""
        own = {name.lower() for name, _ in self.headers}
        proves = self.user is not None or any(name == "access_token" for name, _ in self.query)
        return frozenset(own | ({"authorization"} if proves else set()))


def added(auth: Any, filling: Filling, losses: Losses, where: str) -> Added:
    """What an `auth` of a collection adds; a kind that cannot be said is listed."""
    said = as_map(auth)
    kind = said.get("type")
    values = said.get(str(kind))
    entries = (
        {str(one.get("key")): one.get("value") for one in map(as_map, values)}
        if isinstance(values, list)
        else as_map(values)
    )
    if kind == "basic":
        return Added(user=_user({key: filling.filled(as_text(value)) for key, value in entries.items()}))
    token = filling.filled(as_text(entries.get("token" if kind == "bearer" else "accessToken"))) or "token"
    if kind == "oauth2" and entries.get("addTokenTo") == "queryParams":
        return Added(query=(("access_token", token),))
    if kind in ("bearer", "oauth2"):
        prefix = entries.get("headerPrefix") if kind == "oauth2" else None
        start = "Bearer" if prefix is None else filling.filled(as_text(prefix)).strip()
        return Added(headers=(("Authorization", f"{start} {token}".strip()),))
    if kind == "apikey":
        return _key(entries, filling, losses, where)
    if kind not in (None, "noauth"):
        losses.add(f"auth of the kind {str(kind)[:20]} has no counterpart", where)
    return Added()


def _user(entries: Mapping[str, str]) -> str:
    """User name and password: one that is said to be empty is empty."""
    if not entries:
        return "user:password"
    password = entries.get("password", "")
    name = "" if entries.get("username") == "" and password else entries.get("username") or "user"
    return f"{name.replace(':', '-')}:{password}"


def _key(entries: Mapping[str, Any], filling: Filling, losses: Losses, where: str) -> Added:
    """A key with its name and, in a header, the words that stand before it (`Bot {{token}}`)."""
    name = filling.filled(as_text(entries.get("key"))) or "Authorization"
    value = filling.filled(as_text(entries.get("value"))).strip() or "api-key"
    if has_blank(name):
        losses.add("a key is left out of which only a variable without a value says what it is sent as", where)
        return Added()
    if entries.get("in") == "query":
        return Added(query=((name, value),))
    return Added(headers=((name, value),))
