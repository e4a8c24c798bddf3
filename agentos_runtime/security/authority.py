"""What a skill may do with a key: at which origin, with which method, at which place of the request."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Self

from agentos_runtime.frozen import dataclass
from agentos_runtime.jsontext import Json, dump
from agentos_runtime.manifest.model import Auth, Rest, Skill, Utility
from agentos_runtime.manifest.origins import declared_origin, is_private, origin_of
from agentos_runtime.manifest.places import placements
from agentos_runtime.manifest.requests.streamed import requests_of

NETWORK = "network"
"""The placement of a grant that carries no key: to call an address of this machine or its network at all."""

LOGIN = "login"
"""The placement of a grant to log in: a code goes there, and the credential comes from there."""

CLIENT = "client"
"""The placement of a grant to be given tokens: a client's id and secret go there."""

USE = "use"
"""The placement of a grant for agents to call an origin's own addresses: all of them, or `use:` and a pattern."""
EVERY_METHOD = "*"

HANDED = "function"
"""The placement of a grant to hand a key to a function that runs on this machine: `function:` and its callable."""
HERE = "local://python"
"""The origin of such a grant."""


def carried(grant: Mapping[str, Any]) -> str:
    """What a call by a grant (`Grant.as_json`) carries, in words: "the key in header authorization"."""
    opens, _, path = grant["placement"].partition(":")
    if opens == USE:
        key = "no key" if grant["credential"] is None else "the key"
        return f"{key}; {path or 'any path'}, as agents ask (agentos use)"
    if grant["credential"] is None:
        return "no key; an address of this machine or its network"
    if opens == LOGIN:
        return "no key; a code, to log in and be given one"
    if opens == CLIENT:
        return "the client's id and secret, to be given tokens"
    name = "the key" if grant["credential"] == "default" else f"the {grant['credential']} key"
    return f"{name} in {grant['placement'].replace(':', ' ', 1)}"


class AuthorityError(ValueError):
    """What was read is no authority."""


@dataclass(frozen=True, slots=True)
class Grant:
    """One thing a skill may do: send `credential` with `method` to `origin`, at `placement` of the request."""

    credential: str | None
    """The credential's name; None for a network grant."""
    origin: str | None
    """None when the manifest does not say where its url goes: such a grant covers nothing."""
    method: str
    placement: str
    """`header:authorization`, `query:api_key`, `body:token`, `basic`, `url`, `network`, `login`, `client`, `use`,
    `use:/v1/*`, `function:find`."""

    def __str__(self) -> str:
        where = self.origin or "an origin that the file does not say (a jq url must begin with a literal origin)"
        if self.opens:
            path = self.placement.removeprefix(USE).removeprefix(":")
            verb = "" if self.method == EVERY_METHOD else f"{self.method} "
            key = f' with the credential "{self.credential}"' if self.credential else " on this machine's network"
            return f"{verb}{f'{path} of {where}' if path else f'any path of {where}'}, as agents ask,{key}"
        if self.credential is None:
            return f"{self.method} {where} on this machine's network"
        if self.placement.startswith(f"{HANDED}:"):
            function = self.placement.removeprefix(f"{HANDED}:")
            return f'hand the credential "{self.credential}" to {function}, a Python function on this machine'
        if self.placement == LOGIN:
            return f'{self.method} {where} to log in for the credential "{self.credential}"'
        if self.placement == CLIENT:
            return f'{self.method} {where} with the id and secret of "{self.credential}", to be given tokens'
        return f'{self.method} {where} with the credential "{self.credential}" in {self.placement}'

    @property
    def opens(self) -> bool:
        """Whether it lets agents call the origin's own addresses."""
        return self.placement == USE or self.placement.startswith(f"{USE}:")

    def as_json(self) -> dict[str, Json]:
        return {
            "credential": self.credential,
            "origin": self.origin,
            "method": self.method,
            "placement": self.placement,
        }

    @classmethod
    def from_json(cls, value: Json) -> Self:
        """Raises AuthorityError."""
        if not isinstance(value, dict) or value.keys() != {"credential", "origin", "method", "placement"}:
            raise AuthorityError("a grant has credential, origin, method and placement")
        values: Any = value
        texts_or_null = (values["credential"], values["origin"])
        if not all(text is None or isinstance(text, str) for text in texts_or_null):
            raise AuthorityError("a grant's credential and origin are strings or null")
        if not (isinstance(values["method"], str) and isinstance(values["placement"], str)):
            raise AuthorityError("a grant's method and placement are strings")
        return cls(**values)


@dataclass(frozen=True, slots=True)
class Authority:
    """Everything a skill file may do."""

    grants: frozenset[Grant] = frozenset()
    executors: frozenset[str] = frozenset()
    domains: frozenset[str] = frozenset()

    def of_credential(self, name: str) -> frozenset[Grant]:
        """The grants to show and to store with a credential: its own, and the network ones of the same origins."""
        own = {grant for grant in self.grants if grant.credential == name and grant.placement != LOGIN}
        origins = {grant.origin for grant in own}
        network = {grant for grant in self.grants if grant.credential is None and grant.origin in origins}
        return frozenset(own | network)

    def diff(self, other: "Authority") -> tuple[str, ...]:
        """What changes from this authority to `other`, a line each: `+ …` is new, `- …` is gone."""
        before, after = set(self._lines()), set(other._lines())
        return (
            *(f"+ {line}" for line in sorted(after - before)),
            *(f"- {line}" for line in sorted(before - after)),
        )

    @property
    def digest(self) -> str:
        """sha256, hex: equal for equal authorities."""
        return hashlib.sha256(dump(self.as_json())).hexdigest()

    def as_json(self) -> dict[str, Json]:
        return {
            "grants": [grant.as_json() for grant in sort_grants(self.grants)],
            "executors": [*sorted(self.executors)],
            "domains": [*sorted(self.domains)],
        }

    @classmethod
    def from_json(cls, value: Json) -> Self:
        """Raises AuthorityError."""
        if not isinstance(value, dict):
            raise AuthorityError("an authority is an object")
        return cls(
            frozenset(Grant.from_json(grant) for grant in _list(value.get("grants"))),
            frozenset(_texts(value.get("executors"))),
            frozenset(_texts(value.get("domains"))),
        )

    def _lines(self) -> Iterator[str]:
        yield from map(str, self.grants)
        yield from (f"run {executor} calls" for executor in self.executors)
        yield from (f"name {domain} as a host for its credential" for domain in self.domains)


def authority_of(skill: Skill) -> Authority:
    """What the skill's file asks for, all utilities and logins together."""
    callables = (*skill.utilities.values(), *skill.inner.values())
    grants = {grant for utility in callables for grant in declared_grants(skill, utility)}
    grants |= {grant for auth in skill.auth.values() for grant in login_grants(auth)}
    grants |= use_grants(skill)
    executors = frozenset("rest" if each.local is None else each.local.executor for each in callables)
    return Authority(frozenset(grants), executors, frozenset(skill.domains))


def declared_grants(skill: Skill, utility: Utility) -> frozenset[Grant]:
    """What one utility asks for: from its url, the url of its streams and the url it polls.

    Where the file does not say what a url's origin is, it is the utility's own that is polled.
    """
    grants: frozenset[Grant] = frozenset()
    for rest in requests_of(utility.rest):
        grants |= grants_for(skill, utility, declared_origin(rest.url), rest.method, rest)
    rest = utility.rest
    polled = declared_origin(rest.poll.url) or declared_origin(rest.url) if rest.poll else None
    return grants | grants_for(skill, utility, polled, "GET", rest) if polled else grants


def login_grants(auth: Auth) -> frozenset[Grant]:
    """What getting a credential asks for: to open the one address, and to be given the key by the other."""
    if auth.login is None:
        return frozenset()
    asked = origin_of(auth.login.token_url)
    grants = {Grant(auth.name, asked, "POST", LOGIN if auth.login.in_browser else CLIENT)}
    if auth.login.in_browser:
        grants.add(Grant(auth.name, origin_of(auth.login.authorize_url), "GET", LOGIN))
    if asked is not None and is_private(asked):
        grants.add(Grant(None, asked, "POST", NETWORK))
    return frozenset(grants)


def use_credential(skill: Skill) -> str | None:
    """The credential that agents' own calls may carry: `default`, or the only one there is; never another."""
    return "default" if "default" in skill.auth else next(iter(skill.auth)) if len(skill.auth) == 1 else None


def goes_beside(auth: Auth) -> bool:
    """Whether a credential goes onto a request whose body is passed on as it is."""
    return bool(auth.templates) and all(template.location != "body" for template in auth.templates)


def use_origins(skill: Skill) -> frozenset[str]:
    """The origins of the skill's utilities, and of the hosts that it names, which may be patterns.

    Plain http only where it stays on this machine or its network.
    """
    rests = (rest for utility in skill.utilities.values() for rest in requests_of(utility.rest))
    own = {origin for rest in rests if (origin := declared_origin(rest.url)) is not None}
    own |= {domain_origin(domain) for domain in skill.domains}
    return frozenset(origin for origin in own if origin.startswith("https://") or is_private(origin))


def domain_origin(domain: str) -> str:
    """The origin that an entry of `domains` stands for; a pattern stays one."""
    host, _, port = domain.lower().partition(":")
    return f"https://{host}" if port in ("", "443") else f"https://{host}:{int(port)}"


def use_grants(skill: Skill) -> frozenset[Grant]:
    """What agents' own calls need: a grant per origin, method and path that the author opens.

    Where no key goes along only an address of this machine or its network needs one.
    """
    credential = use_credential(skill)
    if not skill.use.allowed:
        return frozenset()
    carrying = {
        origin
        for utility in skill.utilities.values()
        if utility.credential == credential is not None
        for rest in requests_of(utility.rest)
        if (origin := declared_origin(rest.url)) is not None
    }
    if credential is not None and not goes_beside(skill.auth[credential]):
        return frozenset()
    if credential is not None:
        carrying |= {domain_origin(domain) for domain in skill.domains}
    opened = use_origins(skill)
    asked = {(credential, origin) for origin in carrying & opened}
    asked |= {(None, origin) for origin in opened - carrying if is_private(origin)}
    methods = skill.use.methods or {EVERY_METHOD}
    places = [use_placement(path) for path in skill.use.paths or ("",)]
    return frozenset(
        Grant(name, origin, method, place) for name, origin in asked for method in methods for place in places
    )


def use_placement(path: str) -> str:
    """The placement of a grant for the paths of a pattern; for all when it is empty."""
    return f"{USE}:{path}" if path else USE


def grants_for(skill: Skill, utility: Utility, origin: str | None, method: str, rest: Rest) -> frozenset[Grant]:
    """What one request, made as `rest` says, needs: a grant per place its credential goes to, and the network's."""
    auth = skill.auth.get(utility.credential) if utility.credential is not None else None
    if utility.asks is not None:
        needed = Grant(auth.name if auth else None, *utility.asks)
        return frozenset({needed} if auth or (origin is not None and is_private(origin)) else ())
    if utility.local is not None:
        return frozenset({Grant(auth.name, HERE, method, f"{HANDED}:{utility.name}")} if auth else ())
    grants = {Grant(auth.name, origin, method, place) for place in placements(auth, rest)} if auth else set()
    if origin is not None and is_private(origin):
        grants.add(Grant(None, origin, method, NETWORK))
    return frozenset(grants)


def sort_grants(grants: Iterable[Grant]) -> list[Grant]:
    """In an order that is the same every time."""
    return sorted(grants, key=lambda g: (g.credential or "", g.origin or "", g.method, g.placement))


def _list(value: Json) -> list[Json]:
    if not isinstance(value, list):
        raise AuthorityError("grants, executors and domains are lists")
    return value


def _texts(value: Json) -> list[str]:
    texts = _list(value)
    if not all(isinstance(text, str) for text in texts):
        raise AuthorityError("executors and domains are strings")
    return [text for text in texts if isinstance(text, str)]
