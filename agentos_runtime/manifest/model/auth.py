"""How a skill authenticates: what is asked for, and where it goes on a request."""

from typing import Literal as Choice

from agentos_runtime.diagnostics import Place
from agentos_runtime.frozen import dataclass


@dataclass(frozen=True, slots=True)
class AuthTemplate:
    """One place a credential goes on the request: `parts` alternates literal text and AuthField."""

    location: Choice["header", "query", "body"]
    name: str
    parts: tuple["str | AuthField", ...]


@dataclass(frozen=True, slots=True)
class AuthField:
    """A field of the credential.

    `basic` is base64 of `username:password`; its name is then `username:password`, or `username:` and `:password`
    where the other one is always empty.
    """

    name: str
    basic: bool = False


@dataclass(frozen=True, slots=True)
class Login:
    """How a token is had: for a code that a browser brings (RFC 6749, 4.1), or for a client alone (4.4)."""

    authorize_url: str
    """Empty where nobody logs in."""
    token_url: str
    client_id: str | None = None
    """None = the service knows no clients: it is told the callback and the challenge, and no state of its own."""
    scopes: tuple[str, ...] = ()
    callback: str = "http://127.0.0.1/callback"
    """Where the browser comes back to; its port is preferred, without one any free port is taken."""
    callback_param: str = "redirect_uri"
    encoding: Choice["form", "json"] = "form"
    token_field: str = "access_token"  # noqa: S105 - a name
    audience: str | None = None
    """Whom the token is for, for services that ask."""
    resource: tuple[str, ...] = ()
    """What the token is for: RFC 8707."""
    token_params: tuple[tuple[str, str], ...] = ()
    """What else every request to `token_url` carries."""
    grant: Choice["authorization_code", "client_credentials"] = "authorization_code"
    client_auth: Choice["basic", "body"] | None = None
    """How the client proves itself at `token_url`; None = it is a public one, which has no secret."""

    @property
    def in_browser(self) -> bool:
        """Whether `agentos login` gets the token."""
        return self.grant == "authorization_code"

    @property
    def client_fields(self) -> tuple[str, ...]:
        """What of the client the operator gives: its secret, and its id where the file does not say it."""
        known = self.client_id is not None
        return () if self.client_auth is None else ("client_secret",) if known else ("client_id", "client_secret")


@dataclass(frozen=True, slots=True)
class Auth:
    """How a call proves itself with one named credential."""

    name: str
    """`default`, or the key under `auth.credentials`."""
    kind: Choice["api_key", "basic", "template", "oauth", "expressions"]
    """`expressions`: older manifests that write `.auth.key` in a url, header or query and declare no place."""
    fields: tuple[str, ...]
    """What a request carries of it: `("key",)`, `("username", "password")`, …"""
    templates: tuple[AuthTemplate, ...]
    optional: bool = False
    label: str | None = None
    help_url: str | None = None
    login: Login | None = None
    probe: str | None = None
    """The utility that shows whether it works."""
    place: Place | None = None

    @property
    def asked(self) -> tuple[str, ...]:
        """What the operator gives: the fields themselves, or the client that they are had for."""
        return self.fields if self.login is None or self.login.in_browser else self.login.client_fields

    @property
    def command(self) -> str:
        """What of `agentos` gets it: whoever has to log in cannot make a token by hand."""
        return "login" if self.kind == "oauth" and self.login and self.login.in_browser else "keys set"
