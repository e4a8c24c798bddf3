"""Where the browser goes, where it comes back to, and which answer counts."""

import hmac
from collections.abc import Mapping
from dataclasses import field
from urllib.parse import parse_qs, unquote, urlencode, urlsplit, urlunsplit

from agentos_runtime.frozen import dataclass
from agentos_runtime.manifest.model import Login
from agentos_runtime.manifest.origins import is_private, origin_of
from agentos_runtime.regexes import regex
from agentos_runtime.security.login.pkce import METHOD, Proof

LONGEST_CODE = 4096
MOST_FIELDS = 32
_OF_AN_ADDRESS = regex(r"(?:^|[?&])(?:code|state|error)=")
_ENCODED = regex(r"%[0-9A-Fa-f]{2}")
"""A code that stands in an address; none has a percent sign of its own."""


class LoginError(Exception):
    """The login came to nothing; the message says why and what to do."""


class NotTheAnswer(ValueError):
    """What came is not the answer that is waited for; the message says why."""


class OtherPage(NotTheAnswer):
    """It is not even meant to be."""


@dataclass(frozen=True, slots=True)
class Callback:
    """The page of this machine that the browser comes back to, and the state it must bring."""

    page: str
    """`http://localhost:3000/callback`"""
    state: str = field(repr=False)
    in_path: bool
    """The state is the last part of the path, for services that know no `state`."""

    @property
    def address(self) -> str:
        """What the service is told."""
        return f"{self.page}/{self.state}" if self.in_path else self.page

    @property
    def host(self) -> str:
        """What a browser names in `Host`: `localhost:3000`, without the port that http has anyway."""
        return urlsplit(self.page).netloc.removesuffix(":80")

    def code(self, target: str) -> str:
        """The code that a request for `target` (path and query) brings.

        Raises NotTheAnswer, OtherPage, and LoginError when it is the answer and the service said no.
        """
        path, _, query = target.partition("?")
        values = _single_values(query)
        self._check_page(path)
        brought = path.rpartition("/")[2] if self.in_path else values.get("state", "")
        if not hmac.compare_digest(brought.encode("utf-8", "replace"), self.state.encode()):
            raise NotTheAnswer("it does not belong to this login")
        if values.get("error"):
            raise LoginError(_refusal(values))
        return checked_code(values.get("code", ""))

    def pasted(self, text: str) -> str:
        """The code in what a person pasted: the address of the last page or a part of it, or the code alone.

        Raises like `code`.
        """
        text = text.strip()
        if not text.lower().startswith(("http://", "https://")):
            if not _OF_AN_ADDRESS.search(text):
                return checked_code(unquote(text) if _ENCODED.search(text) else text)
            text = self._completed(text)
        try:
            parts = urlsplit(text)
        except ValueError:
            raise NotTheAnswer("it is no address") from None
        return self.code(f"{parts.path}?{parts.query}")

    def _completed(self, text: str) -> str:
        """The address of which this is a part, as some browsers give it: without its scheme, or its query alone."""
        before, _, query = text.rpartition("?")
        if before:
            return f"http://{text}"
        known = f"&state={self.state}" if not self.in_path and "state=" not in query else ""  # as of a code alone
        return f"{self.address}?{query}{known}"

    def _check_page(self, path: str) -> None:
        page = urlsplit(self.page).path
        if (path.rpartition("/")[0] if self.in_path else path) != page:
            raise OtherPage(f"it is not the page {self.page}")


def checked_code(code: str) -> str:
    """The code, when it can be one. Raises NotTheAnswer."""
    if not code or len(code) > LONGEST_CODE or not all("!" <= character <= "~" for character in code):
        raise NotTheAnswer("it holds no code")
    return code


def authorize_url(login: Login, callback: Callback, proof: Proof) -> str:
    """The address to open in the browser: it holds the challenge and the state, neither verifier nor key."""
    values = {login.callback_param: callback.address, "code_challenge": proof.challenge}
    values |= {"code_challenge_method": METHOD}
    if login.scopes:
        values |= {"scope": " ".join(login.scopes)}
    if login.audience is not None:
        values |= {"audience": login.audience}
    if login.client_id is not None:
        values |= {"response_type": "code", "client_id": login.client_id, "state": callback.state}
    return (
        login.authorize_url
        + ("&" if "?" in login.authorize_url else "?")
        + urlencode([*values.items(), *resources(login)])
    )


def resources(login: Login) -> list[tuple[str, str]]:
    """What the token is for, a pair for each (RFC 8707)."""
    return [("resource", each) for each in login.resource]


def check_encrypted(login: Login) -> None:
    """Codes and keys travel encrypted, or stay on this machine or its network. Raises LoginError."""
    for url in (login.authorize_url, login.token_url) if login.in_browser else (login.token_url,):
        origin = origin_of(url)
        if origin is None or not (origin.startswith("https://") or is_private(origin)):
            raise LoginError(f"{url} is not https: a code or a key would travel for all to read. Mend the skill.")


def rewritten(url: str, rewrite: Mapping[str, str]) -> str:
    """The url as the operator's rewrite sends it: the browser goes where the calls go."""
    origin = origin_of(url)
    for written, target in rewrite.items():
        if origin is not None and origin_of(written) == origin:
            parts = urlsplit(url)
            return target + urlunsplit(("", "", parts.path, parts.query, ""))
    return url


def _single_values(query: str) -> dict[str, str]:
    try:
        values = parse_qs(query, keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError:
        raise NotTheAnswer("its query cannot be read") from None
    if any(len(values.get(name, ())) > 1 for name in ("code", "state", "error")):
        raise NotTheAnswer("it says something twice")
    return {name: given[0] for name, given in values.items()}


def _refusal(values: Mapping[str, str]) -> str:
    said = " ".join(filter(None, (values["error"], values.get("error_description"))))
    words = "".join(character if character.isprintable() else " " for character in said)[:300]
    meaning = "The login was refused" if values["error"] == "access_denied" else "The service ended the login"
    return f"{meaning}: {words}. Nothing was stored."
