"""What a worker may take for one call, and what it sends back."""

from dataclasses import dataclass

MB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """What one call of a worker may take."""

    cpu: float = 1.0
    """Seconds of processor time."""
    wall: float = 2.0
    """Seconds."""
    per_mb: float = 0.1
    """Seconds more (twice that of wall time) for each MB of input: jq takes 0.06 s to read and write it."""
    memory: int = 512 * MB
    """Bytes of address space (Linux)."""
    largest: int = 64 * MB
    """Characters of all outputs together."""
    slow: float = 0.025
    """Seconds after which a call is not waited for: another worker starts beside it."""
    extra: int = 6
    """Workers at most beyond the pool's size, while others are slow."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: a status (`o` ok, `e` error, `c` does not compile, `l` too large, `x` the worker is gone)."""

    status: bytes
    outputs: bytes
    message: str
    done: int = 0
    """Outputs that were complete; counts for `l` and `x` only."""
