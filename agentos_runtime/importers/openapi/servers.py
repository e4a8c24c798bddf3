"""`servers`: where a document, a path or an operation says the service is, and what its variables stand for."""

import re
from collections.abc import Mapping
from urllib.parse import urljoin, urlsplit

from agentos_runtime.importers.api import ImportProblem, Losses
from agentos_runtime.importers.openapi.document import Located
from agentos_runtime.manifest.sections.urls import address_problem
from agentos_runtime.regexes import regex

_VARIABLE = regex(r"\{([^{}]*)\}")
_STAND_INS = regex(
    r"your|example|sample|<|\bdefault\b|^(?:sub|my)?-?(?:domain|site|host(?:name)?|tenant|instance|company|org)s?$",
    re.IGNORECASE,
)
"""Defaults that stand for what only the caller knows: `your-domain`, `yoursite`, `HOSTNAME`."""
_YOURS = regex(r"(?:^|[.-])(?:your|my)-?[a-z]*(?=[.-])", re.IGNORECASE)
MOST_CHOICES = 8


class Servers:
    """Gives absolute addresses: the document's relative ones, with a value for each variable."""

    def __init__(
        self, document: Located, address: str, chosen: str | None, values: Mapping[str, str], losses: Losses
    ) -> None:
        """`address`: where the document came from. `chosen`: the address that is used in place of its own.
        `values`: what its servers' variables are to be.
        """
        self._document = document
        self._address = address
        self._chosen = chosen
        self._values = values
        self._losses = losses
        self._used: set[str] = set()
        self._told: set[tuple[str, str]] = set()
        self._stand_in = False
        """It was told that a variable stands for the caller's own."""

    def usual(self, others: list[Located]) -> str:
        """The address of the service; `others` may say it where the document does not. Raises ImportProblem."""
        found = self._chosen or self.of(self._document)
        for node in others if found is None else ():
            found = found or self.of(node)
        if found is None or not found.startswith(("http://", "https://")):
            given = self._given()
            if given:
                host = "say the host" if given.startswith("/") and not given.startswith("//") else "say it"
                raise ImportProblem(f"The server is given as {given}: {host} with --base-url {_meant(given)}")
            raise ImportProblem("The document names no server: say where the service is with --base-url https://…")
        if address_problem(found):
            raise ImportProblem(f"The address {address_problem(found)}: write --base-url https://…")
        if _YOURS.search(urlsplit(found).netloc) and self._chosen is None and not self._stand_in:
            self._losses.add(f"the address {found} stands for your own: --base-url https://…", "servers")
        return found

    def check_used(self) -> None:
        """Raise ImportProblem for a value that no server has a variable for."""
        unknown = sorted(self._values.keys() - self._used)
        if unknown:
            known = {name for server in self._document.entries("servers") for name in server.map("variables")}
            raise ImportProblem(
                f"No server has a variable `{unknown[0]}`. Variables: {', '.join(sorted(known)) or 'none'}"
            )

    def of(self, node: Located, place: str = "servers") -> str | None:
        """The first server that a document, path or operation (its `place`) names."""
        servers = node.entries("servers")
        if not servers and node is not self._document:
            return None
        url = self._filled(servers[0], place) if servers else "/"
        more = [server for server in servers[1:] if server.text("url") != servers[0].text("url")]
        if more and node is self._document and self._chosen is None:
            others = ", ".join(map(_shown, more))
            self._losses.add("other servers are not used (--base-url takes one)", others)
        try:
            joined = urljoin(self._chosen or self._address, url)
            scheme = urlsplit(joined).scheme
        except ValueError:  # brackets that hold no address
            self._losses.add("a server is not used: it is no address", place)
            return None
        if scheme not in ("http", "https"):
            if servers and node is not self._document:
                self._losses.add(
                    f"a relative server is not used, since nothing says where the document is from: {url}", place
                )
            return None
        problem = address_problem(joined) or ("has a query" if "?" in joined else None)
        if problem:
            self._losses.add(f"a server is not used: it {problem}", url)
        return None if problem else joined.rstrip("/")

    def _given(self) -> str:
        """A server that cannot be used, as the document gives it."""
        url = next((server.text("url") for server in self._document.entries("servers")), "").strip()
        return url.rstrip("/") if url.strip("/") and "{" not in url else ""

    def _filled(self, server: Located, place: str) -> str:
        """A server's url with a value for each of its variables; what else they may be is told."""
        url = server.text("url").strip()
        variables = server.map("variables")
        return _VARIABLE.sub(lambda found: self._value(found[1], variables.get(found[1]), url, place), url)

    def _value(self, name: str, variable: Located | None, url: str, place: str) -> str:
        choices = [str(one) for one in (variable.get("enum") if variable else None) or []]
        default = None if variable is None or variable.get("default") is None else str(variable.get("default"))
        if name in self._values:
            self._used.add(name)
            value = self._values[name]
            if choices and value not in choices:
                raise ImportProblem(f"The server's variable `{name}` is one of {_listed(choices)}, not {value}")
            return value
        if default is None and not choices:
            raise ImportProblem(
                f"The server is {url}: say what `{name}` is with --server {name}=VALUE, or give --base-url https://…"
            )
        value = choices[0] if default is None else default
        others = [one for one in choices if one != value]
        more = f", or {_listed(others)}" if others else ""
        if not more and _STAND_INS.search(value):
            self._stand_in = True
            more = ", which stands for your own"
        if (name, value) not in self._told:
            self._told.add((name, value))
            self._losses.add(f"the server's variable `{name}` is {value}{more} (--server {name}=VALUE)", place)
        return value


def read_values(pairs: tuple[str, ...]) -> dict[str, str]:
    """`NAME=VALUE` pairs of servers' variables. Raises ImportProblem."""
    values: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not name or not equals or not re.fullmatch(r"[\w.~:/-]*", value, re.ASCII):
            raise ImportProblem(f"--server {pair}: write NAME=VALUE, such as region=eu")
        values[name] = value
    return values


def _shown(server: Located) -> str:
    said = " ".join(server.text("description").split())[:40]
    return f"{server.text('url')} ({said})" if said else server.text("url")


def _meant(given: str) -> str:
    """The address that a server without a scheme or with a query was probably meant to be."""
    plain = given.partition("?")[0].partition("#")[0]
    if plain.startswith("//"):
        return f"https:{plain}"
    if plain.startswith("/"):
        return f"https://HOST{plain}"
    return plain if plain.startswith(("https://", "http://")) else f"https://{plain.rpartition('://')[2]}"


def _listed(choices: list[str]) -> str:
    more = f", and {len(choices) - MOST_CHOICES} more" if len(choices) > MOST_CHOICES else ""
    return ", ".join(choices[:MOST_CHOICES]) + more
