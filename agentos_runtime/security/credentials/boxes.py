"""How a sealed text is written: version, the key's id with its length before it, a nonce, the sealed text."""

import base64
import binascii

VERSION = 1


class WrongBox(Exception):
    """It does not open: another key, another text, or not what it is about. Which of them nobody can tell."""


def head(name: str) -> bytes:
    """What stands before the nonce."""
    return bytes((VERSION, len(name))) + name.encode("ascii")


def key_of(box: bytes) -> str:
    """The id of the key that sealed it. Raises WrongBox."""
    try:
        if box[0] != VERSION:
            raise WrongBox
        return box[2 : 2 + box[1]].decode("ascii")
    except (IndexError, UnicodeDecodeError):
        raise WrongBox from None


def as_text(box: bytes) -> str:
    return base64.b64encode(box).decode()


def as_box(text: str) -> bytes:
    """Raises WrongBox."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise WrongBox from None
