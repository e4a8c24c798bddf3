"""The operator's master keys: `id:key,…`, each key 32 bytes in base64. The first seals, all of them open."""

import base64
import binascii
import re

LENGTH = 32
_FORM = "write it as id:key, or id:key,id:key: openssl rand -base64 32 makes a key"


def read_master_keys(text: str) -> tuple[tuple[str, bytes], ...]:
    """Raises ValueError, which quotes no key."""
    found: dict[str, bytes] = {}
    for number, part in enumerate(text.split(","), 1):
        name, colon, written = part.strip().partition(":")
        if not colon or not re.fullmatch(r"[A-Za-z0-9._-]{1,32}", name):
            raise ValueError(f"key {number} has no id of up to 32 letters, digits, dots or dashes; {_FORM}")
        try:
            key = base64.b64decode(written.strip(), validate=True)
        except (binascii.Error, ValueError):
            raise ValueError(f"the key {name!r} is not base64; {_FORM}") from None
        if len(key) != LENGTH:
            raise ValueError(f"the key {name!r} has {len(key)} bytes, and {LENGTH} are needed; {_FORM}")
        if name in found:
            raise ValueError(f"the id {name!r} is there twice")
        if key in found.values():
            raise ValueError(f"the key {name!r} is the same as another one")
        found[name] = key
    return tuple(found.items())
