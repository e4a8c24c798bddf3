"""The jq module that is installed: where it lies, and which version it is. It is never loaded here."""

import importlib.util
import re
import sys
from importlib import import_module
from pathlib import Path

_OLDEST = (1, 13, 0)
_METADATA = "importlib.metadata"
"""What reads whole descriptions of packages: it takes 8 ms to load."""


class JqUnusable(RuntimeError):
    """Expressions cannot be run safely on this machine; the message says why and what to do."""


def find_jq() -> str:
    """Where the module lies. Raises JqUnusable."""
    if sys.platform == "win32":
        raise JqUnusable("Windows has no processes that can be limited as expressions need it; use WSL")
    spec = importlib.util.find_spec("jq")
    if spec is None or spec.origin is None:
        raise JqUnusable("the package `jq` is missing: install agentos-runtime with its dependencies")
    version = version_of(spec.origin)
    if tuple(int(part) for part in re.findall(r"\d+", version)[:3]) < _OLDEST:
        raise JqUnusable(f"jq {version} has known holes: install jq>=1.13.0")
    return spec.origin


def version_of(origin: str) -> str:
    """As the folder beside the module is called that an installer made for it (PEP 376), or as it is described."""
    found = [each.name.split("-")[1] for each in Path(origin).parent.glob("jq-*.dist-info")]
    version: str = found[0] if len(found) == 1 else import_module(_METADATA).version("jq")
    return version
