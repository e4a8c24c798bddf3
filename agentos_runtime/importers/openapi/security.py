"""`security` and `securitySchemes`: the credentials of a skill, and which of them each operation carries."""

import re
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from agentos_runtime.importers.api import Field, ImportProblem, Losses
from agentos_runtime.importers.declarations import BEARER
from agentos_runtime.importers.messages import plain, snake, summary
from agentos_runtime.importers.openapi.document import Located, resolve
from agentos_runtime.importers.openapi.prefixes import prefix_called, prefix_said
from agentos_runtime.jsontext import Json
from agentos_runtime.manifest.headers.names import header_problem
from agentos_runtime.manifest.secrets.shapes import without_secrets
from agentos_runtime.regexes import regex

_KEY_KINDS = regex(
    r"\b(management|admin|provisioning|organization|service) (?:api )?key\b[^.]{0,20}\brequired", re.I
)
Credential = dict[str, Json]


class Security:
    """The credentials of one document: `choose` is asked for each operation, then `auth` says them all."""

    def __init__(self, document: Located, losses: Losses, wanted: str | None = None) -> None:
        """`wanted`: the scheme, or the way (`bearer`, `header:NAME` …), that is chosen. Raises ImportProblem."""
        components = document.at("components")
        self._schemes = {name: resolve(node, losses) for name, node in components.map("securitySchemes").items()}
        self._general: Any = document.get("security")
        self._losses = losses
        self._prefers = wanted if wanted in self._schemes else None
        self._way = None if wanted is None or self._prefers else said_way(wanted)
        self._open: set[str] = set()
        self._known: dict[str, tuple[Credential, str | None]] = {}
        self._used: Counter[str] = Counter()
        self._fitting = _how_often(document)
        self._unsaid = False
        """There are calls of which nothing says how they are proven, as of none."""

    def choose(self, operation: Located, label: str) -> str | None:
        """The key of the credential that an operation carries; None = none."""
        if self._way is not None:
            return self._remember(dict(self._way), "key", "") if self._way else None
        own = operation.get("security")
        alternatives = self._general if own is None else own
        if not isinstance(alternatives, list) and not self._fitting:
            self._unsaid = True
            alternatives = [{self._prefers: []}] if self._prefers else None
        if not isinstance(alternatives, list) or not alternatives:
            return None
        real = [sorted(map(str, one)) for one in alternatives if isinstance(one, Mapping) and one]
        ways = ", ".join(" + ".join(one) for one in real)
        real.sort(key=lambda one: (self._prefers not in one, -self._fitting[tuple(one)], self._trouble(one)))
        made = [(one, credential) for one in real if (credential := self._credential(one)) is not None]
        if not made:
            return None
        names, chosen = made[0]
        if any(other != chosen for _, other in made[1:]):
            used = " + ".join(names)
            self._losses.add(
                f"it can be proven in several ways ({ways}): {used} is used, --auth NAME another", label
            )
        key = self._remember(chosen, snake(names[0]) or "key", operation.text("description"))
        if len(real) < len(alternatives):
            self._open.add(key)
        return key

    def of_parameter(self, place: str, name: str) -> str:
        """The key of the credential that a parameter is, where nothing else proves the call."""
        return self._remember({"type": "api_key", place: name}, snake(name) or "key", "")

    def of_authorization(self, said: Located | None, label: str) -> str | None:
        """The key of the credential that a parameter `Authorization` is, where nothing else proves the call."""
        if said is None or self._way is not None:
            return None
        if self._schemes:
            self._losses.add(
                "a header `Authorization` is not asked of the caller: `--auth` makes it the key", label
            )
            return None
        words = " ".join(
            str(node.get(key)) for node in (said, said.at("schema")) for key in ("description", "example")
        ).lower()
        credential: Credential = {"type": "api_key", "header": "Authorization"}
        if re.search(r"\bbasic\b", words):
            credential = {"type": "basic"}
        elif re.search(r"\bbearer\b", words):
            credential["prefix"] = "Bearer "
        credential = _described(credential, said)
        if credential["type"] == "api_key" and not re.search(r"api[- _]?key", words):
            credential.setdefault("prefix", "Bearer ")
        sent = "Basic " if credential["type"] == "basic" else credential.get("prefix", "")
        self._losses.add(
            f"the header `Authorization` is taken for the key, sent as `{sent}…` (`--auth` changes it)", label
        )
        key = self._remember(credential, "authorization", "")
        if not said.flag("required"):
            self._open.add(key)
        return key

    def key_of(self, name: str) -> str | None:
        """jq for the one secret of a credential; None where there are several."""
        kind = self._known[name][0].get("type")
        return {"api_key": ".auth.key", "oauth": ".auth.access_token"}.get(str(kind))

    def sends(self, name: str, field: Field) -> bool:
        """Whether the credential stands by itself where this field does."""
        written = self._known[name][0].get(field.place)
        sent = written if isinstance(written, dict) else [written] if isinstance(written, str) else []
        return any(one.lower() == field.name.lower() for one in sent)

    def takes(self, field: Field, name: str | None, usual: Collection[str]) -> bool:
        """Whether a field that looks like a key is the credential of its operation (None: nothing proves it yet).

        Beside schemes that a description names, a key that few operations have is another key: of a service that
        this one is to call, or one that is looked up.
        """
        if name is not None and self.sends(name, field):
            return True
        return snake(field.name) in usual or (not self._schemes and name is None and field.place != "body")

    def repeats(self, name: str, field: Field) -> bool:
        """Whether a field may carry the key that the credential sends elsewhere: the call needs it once."""
        made = self._known[name][0]
        said = str(field.declaration.get("description", ""))
        places = [
            place
            for part in (made.get("header"), made.get("query"))
            for place in (part if isinstance(part, dict) else [part])
        ]
        named = any(
            isinstance(one, str) and re.search(rf"\b{re.escape(one)}\b[`'\"]* header", said, re.I) for one in places
        )
        return not field.required and field.place in ("query", "body") and named

    @property
    def settled(self) -> bool:
        """How calls prove themselves was said by whoever imports."""
        return self._way is not None

    def auth(self) -> tuple[Json, dict[str, str]]:
        """What the manifest says under `auth`, and the name of each credential that was chosen.

        The usual one is the most used of those that are no special kind of key.
        """
        for key in self._open:
            credential, kind = self._known[key]
            self._known[key] = ({**credential, "optional": True}, kind)
        if not self._used and not self._schemes and self._way is None:
            self._losses.add(
                "the description names no way to prove a call; most services need one: "
                "--auth bearer|header:NAME|query:NAME|basic, or --auth none"
            )
        if not self._used and self._schemes and self._unsaid:
            ways = ", ".join(self._schemes)
            self._losses.add(
                f"the description says how a call can be proven ({ways}), and of no call that it has to be: "
                f"--auth {next(iter(self._schemes))}, or --auth none"
            )
        order = sorted(self._used, key=lambda key: (self._known[key][1] is not None, -self._used[key], key))
        if len(order) < 2:
            return (dict(self._known[order[0]][0]), {order[0]: "default"}) if order else (None, {})
        names = {order[0]: "default"}
        for key in order[1:]:
            names[key] = _free(snake(key) or "key", names.values())
        return {"credentials": {name: dict(self._known[key][0]) for key, name in names.items()}}, names

    def _remember(self, credential: Credential, name: str, description: str) -> str:
        said = _KEY_KINDS.search(plain(description))
        kind = said[1].lower() if said else None
        if kind:
            name, credential = kind, {**credential, "label": f"{kind.capitalize()} key"}
        for key, known in self._known.items():
            if known == (credential, kind):
                name = key
                break
        else:
            name = _free(name, self._known)
            self._known[name] = (credential, kind)
        self._used[name] += 1
        return name

    def _credential(self, names: Sequence[str]) -> Credential | None:
        """One requirement: a scheme, or several at once. None when a manifest has no word for it."""
        made = [self._scheme(name) for name in names]
        if any(one is None for one in made):
            return None
        return (
            made[0]
            if len(made) == 1
            else _at_once([(n, m) for n, m in zip(names, made, strict=True) if m], self._losses)
        )

    def _trouble(self, names: Sequence[str]) -> int:
        """How much a person has to do for it: paste a key, give two texts, register a client."""
        return sum(map(self._trouble_of, names))

    def _trouble_of(self, name: str) -> int:
        scheme = self._schemes.get(name)
        kind = scheme.text("type").lower() if scheme is not None else ""
        if scheme is None or kind not in ("oauth2", "openidconnect"):
            return 1 + (scheme is not None and scheme.text("scheme").lower() == "basic")
        said = any(flow.text("tokenUrl").startswith("https://") for flow in scheme.map("flows").values())
        return 3 if said else 4

    def _scheme(self, name: str) -> Credential | None:
        scheme = self._schemes.get(name)
        if scheme is None:
            self._losses.add("a security scheme is not declared", name)
            return None
        kind = scheme.text("type").lower()
        if kind == "http" and scheme.text("scheme").lower() in _PREFIXED:
            made: Credential = {
                "type": "api_key",
                "header": "Authorization",
                "prefix": f"{scheme.text('scheme').capitalize()} ",
            }
            return _described(made, scheme)
        reader = _SCHEMES.get(kind if kind != "http" else f"http {scheme.text('scheme').lower()}")
        if reader is None:
            said = f"{kind} {scheme.text('scheme')}".strip()
            self._losses.add(f"the security scheme of type {said} has no counterpart", name)
            return None
        made_of = reader(scheme, self._losses)
        if made_of is None:
            return None
        made_of = _described(made_of, scheme)
        called = prefix_called(name) if str(made_of.get("header")).lower() == "authorization" else None
        if called is not None and "prefix" not in made_of:
            self._losses.add(f"the key is sent as `{called}…`, as its name says (`--auth` changes it)", name)
            made_of["prefix"] = called
        return made_of


_PREFIXED = frozenset({"token", "apikey", "key", "bot"})
_LINK = regex(r"https://[^\s)>\]\"'`]+")


def said_way(way: str) -> Mapping[str, Json]:
    """`bearer`, `basic`, `header:NAME`, `query:NAME`, `none` as a credential. Raises ImportProblem."""
    kind, _, name = way.partition(":")
    if way in ("bearer", "basic", "none"):
        return {"bearer": BEARER, "basic": {"type": "basic"}, "none": {}}[way]
    if (
        kind in ("header", "query")
        and re.fullmatch(r"[\w.-]+", name, re.ASCII)
        and not (kind == "header" and header_problem(name))
    ):
        return {"type": "api_key", kind: name}
    raise ImportProblem(
        "--auth is bearer, basic, header:NAME, query:NAME, none or the name of a security scheme of the description"
    )


def _described(credential: Credential, scheme: Located) -> Credential:
    """With what the scheme's description says: the prefix, what people call the key, where they get it."""
    said = scheme.text("description")
    if credential.get("type") == "api_key" and credential.get("header") and "prefix" not in credential:
        prefix = prefix_said(said)
        if prefix is not None and (prefix != "Bearer " or str(credential["header"]).lower() == "authorization"):
            credential["prefix"] = prefix
    label = summary(re.sub(r"<([\w -]{1,40})>", r"\1", without_secrets(said)), 80, 1)
    if label and "label" not in credential and credential.get("type") in ("api_key", "basic"):
        credential["label"] = label
    link = _LINK.search(said)
    if link is not None and credential.get("type") in ("api_key", "basic"):
        credential["help_url"] = link[0].rstrip(".,;")
    return credential


def _bearer(scheme: Located, losses: Losses) -> Credential:
    return {**BEARER}


def _basic(scheme: Located, losses: Losses) -> Credential:
    return {"type": "basic"}


def _api_key(scheme: Located, losses: Losses) -> Credential | None:
    name, place = scheme.text("name"), scheme.text("in").lower()
    if not re.fullmatch(r"[\w.-]+", name, re.ASCII):
        losses.add("an API key has no name to be sent under", name or "securitySchemes")
        return None
    if place == "cookie":
        return {"header": {"Cookie": f"{name}={{key}}"}}
    if place == "header" and header_problem(name):
        losses.add("an API key stands in a header that a manifest may not set", name)
        return None
    return {"type": "api_key", "header" if place == "header" else "query": name}


def _oauth(scheme: Located, losses: Losses) -> Credential:
    flows = scheme.map("flows")
    alone = flows.get("clientCredentials")
    if alone is not None and not flows.keys() & {"authorizationCode", "implicit"}:
        return _for_a_client(alone, losses)
    flow = next((flows[name] for name in ("authorizationCode", "implicit") if name in flows), None)
    if flow is None or not _can_be_followed(flow):
        losses.add("the addresses of an OAuth login are not said: an access token is stored and sent", "auth")
        return {**BEARER, "label": "Access token"}
    losses.add("an OAuth client id is not part of the document: add `client_id`, or store an access token", "auth")
    credential: Credential = {
        "type": "oauth",
        "authorize_url": _without_blanks(flow.text("authorizationUrl")),
        "token_url": flow.text("tokenUrl"),
    }
    scopes = list(flow.map("scopes"))
    return credential | ({"scopes": [*scopes]} if scopes else {}) | {"pkce": True}


def _can_be_followed(flow: Located) -> bool:
    """Whether both addresses of a login are there, as a manifest may have them."""
    return all(flow.text(name).startswith("https://") for name in ("authorizationUrl", "tokenUrl"))


def _without_blanks(address: str) -> str:
    """`…/authorize?client_id={client_id}` without what the login adds by itself."""
    url, mark, query = address.partition("?")
    kept = "&".join(pair for pair in query.split("&") if pair and not re.search(r"[{<]|^\w+=$", pair))
    return f"{url}{mark}{kept}" if kept else url


def _for_a_client(flow: Located, losses: Losses) -> Credential:
    """Tokens for a client's id and secret: nobody logs in."""
    address = flow.text("tokenUrl")
    if not address.startswith("https://"):
        losses.add("the address that gives tokens is not said: an access token is stored and sent", "auth")
        return {**BEARER, "label": "Access token"}
    scopes: list[Json] = [*flow.map("scopes")]
    credential: Credential = {"type": "oauth", "grant": "client_credentials", "token_url": address}
    return credential | ({"scopes": scopes} if scopes else {})


def _openid(scheme: Located, losses: Losses) -> Credential:
    losses.add("OpenID Connect is not followed: an access token is stored and sent", "auth")
    return {**BEARER, "label": "Access token"}


_SCHEMES: Mapping[str, Callable[[Located, Losses], Credential | None]] = {
    "http bearer": _bearer,
    "http basic": _basic,
    "apikey": _api_key,
    "oauth2": _oauth,
    "openidconnect": _openid,
}


def _at_once(parts: Sequence[tuple[str, Credential]], losses: Losses) -> Credential | None:
    """Several schemes that a call needs together, as one credential of several fields."""
    places: dict[str, dict[str, Json]] = {}
    for name, part in parts:
        field = f"{{{snake(name) or 'key'}}}"
        if part.get("type") == "oauth" and "grant" not in part:
            losses.add("a login that another key is needed beside is not made: an access token is stored", name)
            part, field = {**BEARER}, "{access_token}"
        if part.get("type") == "basic":
            losses.add("basic auth beside another key is stored as base64 of `username:password`", name)
            part, field = {"header": "Authorization", "prefix": "Basic "}, "{basic_base64}"
        place = next((place for place in ("header", "query") if isinstance(part.get(place), str)), None)
        if place is None:
            losses.add("schemes that are needed together cannot be said", " + ".join(name for name, _ in parts))
            return None
        places.setdefault(place, {})[str(part[place])] = f"{part.get('prefix', '')}{field}"
    return {place: {**entries} for place, entries in places.items()}


def _how_often(document: Located) -> Counter[tuple[str, ...]]:
    """How many operations each combination of schemes proves: the fewer credentials, the fewer questions."""
    found: Counter[tuple[str, ...]] = Counter()
    for item in document.map("paths").values():
        for operation in _operations(resolve(item, Losses())):
            own = operation.get("security")
            ways = document.get("security") if own is None else own
            found.update(
                {tuple(sorted(map(str, one))) for one in ways if isinstance(one, Mapping)}
                if isinstance(ways, list)
                else ()
            )
    return found


def _operations(item: Located) -> list[Located]:
    return (
        [resolve(item.at(name), Losses()) for name in item.value if isinstance(item.get(name), Mapping)]
        if isinstance(item.value, Mapping)
        else []
    )


def _free(name: str, taken: Collection[str]) -> str:
    """A name for a credential that begins with a letter and that no other has."""
    name = name if name[0].isalpha() else f"key_{name}"
    candidates = (name, *(f"{name}_{number}" for number in range(2, len(taken) + 3)))
    return next(candidate for candidate in candidates if candidate not in taken)
