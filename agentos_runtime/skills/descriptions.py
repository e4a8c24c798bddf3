"""Where a description comes from: a file or an address, and the files that it refers to."""

from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote, urlsplit

import httpx

from agentos_runtime.importers.api import ImportProblem
from agentos_runtime.importers.openapi.document import MAX_BYTES
from agentos_runtime.importers.service import Description
from agentos_runtime.manifest.addresses import is_private_host

SECONDS = 30.0


Agree = Callable[[str], bool]
"""Whether an address that a description refers to may be fetched."""


def always(address: str) -> bool:
    """For whom nobody asks: what is fetched lies at the origin that was named."""
    return True


def open_description(source: str, agree: Agree = always) -> Description:
    """Read a file or fetch an address; `agree` is asked before another of its origin is. Raises ImportProblem."""
    if source.startswith(("http://", "https://")):
        return Description(download(source), source, lambda address: _same_origin(source, address, agree))
    file = Path(source).resolve()
    return Description(_read(file), file.as_uri(), lambda address: _beside(file, address))


def _read(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            data = opened.read(MAX_BYTES + 1)
    except OSError as error:
        raise ImportProblem(f"{file.name} cannot be read: {error.strerror}") from None
    if len(data) > MAX_BYTES:
        raise ImportProblem(f"{file.name} is larger than {MAX_BYTES // (1024 * 1024)} MB")
    return data


def _beside(file: Path, address: str) -> bytes:
    """A file that a reference names: it lies in the folder of the first one, or below."""
    parts = urlsplit(address)
    named = Path(unquote(parts.path)).resolve()
    if parts.scheme != "file" or not named.is_relative_to(file.parent):
        raise ImportProblem(f"{address} is not read: it lies outside the folder of {file.name}")
    return _read(named)


def _same_origin(source: str, address: str, agree: Agree) -> bytes:
    if urlsplit(address)[:2] != urlsplit(source)[:2]:
        raise ImportProblem(f"{address} is not fetched: it lies elsewhere than {source}")
    if not agree(address):
        raise ImportProblem(f"{address} is not fetched: you said no")
    return download(address)


def download(url: str) -> bytes:
    """What an address answers. Raises ImportProblem."""
    parts = urlsplit(url)
    if parts.scheme != "https" and not is_private_host(parts.hostname or ""):
        raise ImportProblem("An address begins with https:// (http:// only for this machine and its network)")
    try:
        with httpx.Client(timeout=SECONDS, trust_env=False) as client, client.stream("GET", url) as response:
            if response.is_redirect:
                target = response.headers.get("location", "nowhere")
                raise ImportProblem(f"The address leads on to {target}: use that one, if you trust it")
            if not response.is_success:
                raise ImportProblem(f"{parts.hostname} answered {response.status_code} for {url}")
            data = bytearray()
            for chunk in response.iter_bytes():
                data += chunk
                if len(data) > MAX_BYTES:
                    raise ImportProblem(f"{url} is larger than {MAX_BYTES // (1024 * 1024)} MB")
            return bytes(data)
    except httpx.HTTPError as error:
        raise ImportProblem(f"{url} cannot be fetched: {_why(error)}") from None


def _why(error: httpx.HTTPError) -> str:
    if isinstance(error, httpx.TimeoutException):
        return f"there was no answer within {SECONDS} s"
    return "no connection can be made" if isinstance(error, httpx.ConnectError) else "the answer cannot be read"
