"""Secrets in random encodings, in random text, as a stream that is cut at random: nothing of them comes out."""

import contextlib
import random
from collections.abc import Callable, Iterator

from agentos_runtime.security.credentials.redactor import REDACTED, Redactor
from agentos_runtime.security.credentials.secret import Secret
from tests.security.echoes import ENCODINGS, ESCAPES, encode

LETTERS = ("0123456789", "0123456789abcdef", "abcXYZ09-_.", "aZ09-_./+=%\\\"'&<>#;: ~éß中😀", "\\%&;\"'/")
CLEAN = "abcdefghij XYZ.,!?()[]{}<>\n€ü"
STEPS = sorted({**ESCAPES, **ENCODINGS})


@contextlib.contextmanager
def echoes() -> Iterator[Callable[[random.Random], None]]:
    """Encodings of encodings of a secret, whole and in pieces, and text that holds none."""
    yield attempt


def attempt(dice: random.Random) -> None:
    secret = "".join(dice.choices(dice.choice(LETTERS), k=dice.randint(8, 60)))
    steps = dice.sample(STEPS, dice.randint(0, 3))
    frame = ["".join(dice.choices(CLEAN, k=dice.randint(0, 30))) for _ in range(2)]
    if secret in frame[0] or secret in frame[1]:
        return
    redactor, form = Redactor([Secret(secret)]), encode(secret, steps)
    text = f"{frame[0]} {form} {frame[1]}"
    cleaned = redactor.clean_text(text)
    assert REDACTED in cleaned, (secret, steps, frame)
    assert cleaned.startswith(f"{frame[0]} "), (secret, steps, frame)
    assert cleaned.endswith(f" {frame[1]}"), (secret, steps, frame)
    assert len(cleaned) < len(f"{frame[0]} {REDACTED} {frame[1]}") + len(form) or form == secret or len(form) < 12
    assert in_pieces(redactor, text, dice) == cleaned, (secret, steps, frame)
    other = "".join(dice.sample(secret, len(secret)))
    innocent = f"{frame[0]} {encode(other, steps)} {frame[1]}" if secret not in other else ""
    assert redactor.clean_text(innocent) == innocent, (secret, innocent)
    assert in_pieces(redactor, innocent, dice) == innocent, (secret, innocent)


def in_pieces(redactor: Redactor, text: str, dice: random.Random) -> str:
    stream, shown, at = redactor.stream(), [], 0
    while at < len(text):
        size = dice.choice((1, 1, 2, 5, 20, 100))
        shown.append(stream.feed(text[at : at + size]))
        at += size
    return "".join([*shown, stream.flush()])
