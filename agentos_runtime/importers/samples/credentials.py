"""How a request proved itself becomes `auth`: where the secret stands, never the secret."""

import base64
import binascii
import re
from collections.abc import Mapping, Sequence

from agentos_runtime.importers.api import Losses
from agentos_runtime.importers.declarations import BEARER
from agentos_runtime.importers.messages import snake
from agentos_runtime.importers.samples.blanks import filled, split_at_blanks, with_blanks
from agentos_runtime.jsontext import Json
from agentos_runtime.manifest.secrets.names import Secrecy, secrecy
from agentos_runtime.manifest.secrets.shapes import holds_secret
from agentos_runtime.regexes import regex

Credential = dict[str, Json]

_SCHEME = regex(r"([A-Za-z][\w-]{1,30}) +(.+)", re.DOTALL)
_KNOWN = frozenset({"bearer", "token", "basic", "key", "apikey", "bot"})
_SIGNED = regex(r"digest|aws4-.*|hawk|ntlm|negotiate|oauth|signature|edgegrid|eg1-.*|hmac.*|acs3-.*", re.IGNORECASE)
_SIGNATURE = regex(r"(?:^|[-_])(?:sig|sign|signature|hmac)(?:-?v?\d*|-?sha-?\d+)$", re.IGNORECASE)
"""Headers whose value is of one call."""
_EACH_SIGNED = "each call is signed, which a skill cannot do: what is stored as the key is sent as it is"
_COOKIE = regex(r"[A-Za-z_][A-Za-z_.-]{0,30}\d{0,2}", re.ASCII)
"""Names that could be nothing else."""
_OPEN_COOKIE = regex(r"-?\d{1,7}|true|false|[a-z]{0,10}|[A-Za-z]{2}[-_][A-Za-z]{2}")
"""Values that say a language, a theme, a choice."""
MOST_COOKIES = 3
"""Secret ones that are asked for each by itself; of more than that all are one secret."""
_NAMED = regex(r"([A-Za-z][\w-]*)=(\"?)[^\s\",=]+=*(\"?)")


def of_user(user: str) -> Credential:
    """`user:password`; a part that is empty stays empty."""
    name, colon, password = user.partition(":")
    if colon and not password:
        return {"type": "basic", "password": ""}
    if colon and not name:
        return {"type": "basic", "username": ""}
    pieces = split_at_blanks(with_blanks(name))
    around = [text for text, blank in pieces if not blank]
    if len(pieces) > len(around) > 0 and not any(map(holds_secret, around)):
        return {"type": "basic", "label": f"Username {filled(with_blanks(name))}"}
    return {"type": "basic"}


def of_header(name: str, value: str, losses: Losses) -> Credential:
    if name.lower() == "cookie":
        return {"header": {"Cookie": "{cookie}"}}
    if _SIGNATURE.search(name):
        losses.add(_EACH_SIGNED, name)
        return {"type": "api_key", "header": name}
    scheme = _SCHEME.fullmatch(value)
    own = name.lower() in ("authorization", "proxy-authorization")
    if scheme is None or not (own or scheme[1].lower() in _KNOWN):
        return {"type": "api_key", "header": name}
    if own and scheme[1].lower() == "basic":
        return of_user(_decoded(scheme[2]))
    if own and scheme[1].lower() == "bearer":
        return dict(BEARER)
    named = _NAMED.fullmatch(scheme[2])
    if _SIGNED.fullmatch(scheme[1]) and ("," in scheme[2] or named is None):
        losses.add(_EACH_SIGNED, scheme[1])
        return {"type": "api_key", "header": name}
    if named is not None and secrecy(named[1]) is not Secrecy.NONE:
        start = f"{scheme[1]} {named[1]}={named[2]}"
        if named[2]:
            return {"header": {name: f"{start}{{{snake(named[1])}}}{named[3]}"}}
        return {"type": "api_key", "header": name, "prefix": start}
    return {"type": "api_key", "header": name, "prefix": f"{scheme[1]} "}


def of_cookies(value: str) -> Credential | None:
    """The cookies of one request: what is no secret stays, the others are asked for; None where none is secret."""
    written: list[str] = []
    asked: list[str] = []
    for pair in filter(None, map(str.strip, value.split(";"))):
        name, equals, text = pair.partition("=")
        if not equals or not _COOKIE.fullmatch(name) or holds_secret(name):
            return {"header": {"Cookie": "{cookie}"}}
        if _OPEN_COOKIE.fullmatch(text) and secrecy(name) is Secrecy.NONE:
            written.append(pair)
            continue
        asked.append(snake(name) or "cookie")
        written.append(f"{name}={{{asked[-1]}}}")
    if len(asked) > MOST_COOKIES or len({*asked}) < len(asked):
        return {"header": {"Cookie": "{cookie}"}}
    return {"header": {"Cookie": "; ".join(written)}} if asked else None


def of_query(name: str) -> Credential:
    return {"type": "api_key", "query": name}


def together(parts: Sequence[Credential], losses: Losses) -> Credential | None:
    """Several secrets of one request as one credential of several fields; None for none at all."""
    different: list[Credential] = []
    for part in parts:
        if part not in different:
            different.append(part)
    if len(different) < 2:
        return different[0] if different else None
    places: dict[str, dict[str, Json]] = {}
    for part in different:
        written = _as_template(part)
        if written is None:
            for name in filter(None, map(_name, different)):
                losses.add("user name and password are asked for; what else proves the call is not", name)
            return next(part for part in different if part.get("type") == "basic")
        for place, entries in written.items():
            for name, template in entries.items():
                places.setdefault(place, {}).setdefault(name, template)
    return {place: {**entries} for place, entries in places.items()}


def _name(part: Credential) -> str | None:
    """The header or query key that a secret is sent as."""
    said = next((part[place] for place in ("header", "query") if place in part), None)
    return ", ".join(said) if isinstance(said, dict) else said if isinstance(said, str) else None


def _as_template(part: Credential) -> dict[str, Mapping[str, Json]] | None:
    """None for basic auth, which no template can say."""
    if part.get("type") == "basic":
        return None
    found: dict[str, Mapping[str, Json]] = {}
    for place in ("header", "query"):
        said = part.get(place)
        if isinstance(said, dict):
            found[place] = said
        elif isinstance(said, str):
            found[place] = {said: f"{part.get('prefix', '')}{{{snake(said) or 'key'}}}"}
    return found


def _decoded(text: str) -> str:
    """What basic auth encodes; any text when it is only a blank."""
    try:
        return base64.b64decode(text, validate=True).decode("latin-1")
    except (binascii.Error, ValueError):
        return "user:password"
