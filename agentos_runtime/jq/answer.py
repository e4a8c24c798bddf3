"""What a worker may take for one call, and what came of it."""

from agentos_runtime.frozen import dataclass

MB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """What one call of a worker may take."""

    cpu: float = 1.0
    """Seconds of processor time."""
    wall: float = 2.0
    """Seconds of processor time with the kernel's work for it, which `cpu` leaves out; of wall time where no system
    tells that, and for a call that hardly had the processor."""
    little: float = 0.02
    """Seconds of processor time: a call that had less of it in its wall time was kept from working."""
    patience: float = 5.0
    """Times the wall time: a call that a busy machine slows down is waited for that long."""
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
    programs: int = 256
    """Compiled programs that a worker keeps."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a call.

    A worker's own word: `o` ok, `e` error, `c` does not compile, `l` too large. Ended at a limit that the call
    itself reached: `x`. No word about the call, because its worker was lost (`d`) or never had its time (`t`).
    """

    status: bytes
    outputs: bytes
    message: str
    done: int = 0
    """Outputs that were complete; counts for `l` and `x` only."""
    digest: bytes = b""
    """sha256 of what the worker worked on, made by the worker from the text itself."""


LOST = b"d"
LATE = b"t"
LIMIT = b"x"
