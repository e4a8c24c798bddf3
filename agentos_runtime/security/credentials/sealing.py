"""Texts sealed under the operator's master keys: AES-256-GCM, bound to what they are about.

Loaded only where there is a master key.
"""

import json
import os
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from agentos_runtime.jsontext import Json
from agentos_runtime.security.credentials.boxes import WrongBox, head, key_of

_NONCE = 12


class MasterKeys:
    """The first one seals, all of them open. They show nothing of themselves."""

    def __init__(self, keys: Sequence[tuple[str, bytes]]) -> None:
        self._keys = {name: AESGCM(key) for name, key in keys}
        self.first = keys[0][0]

    def __repr__(self) -> str:
        return "MasterKeys()"

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._keys)

    def seal(self, text: bytes, about: Json) -> bytes:
        """A box that opens for the same `about` alone."""
        begin, nonce = head(self.first), os.urandom(_NONCE)
        return begin + nonce + self._keys[self.first].encrypt(nonce, text, begin + _bytes(about))

    def open(self, box: bytes, about: Json) -> bytes:
        """Raises WrongBox, also where its key is not among these."""
        try:
            name = key_of(box)
            begin = head(name)
            nonce, sealed = box[len(begin) : len(begin) + _NONCE], box[len(begin) + _NONCE :]
            return self._keys[name].decrypt(nonce, sealed, begin + _bytes(about))
        except (InvalidTag, KeyError, ValueError):
            raise WrongBox from None


def _bytes(about: Json) -> bytes:
    return json.dumps(about, sort_keys=True, separators=(",", ":")).encode()
