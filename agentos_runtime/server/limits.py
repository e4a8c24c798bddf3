"""How long and how much one client may ask of the server."""

from agentos_runtime.frozen import dataclass

MB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """Times in seconds, sizes in bytes. What the operator sets (body size, connections) is in `Settings`."""

    head_timeout: float = 10.0
    """From the first byte, or from connecting, until the request's head is complete."""
    body_timeout: float = 30.0
    """From the end of the head until the end of the body."""
    keep_alive: int = 60
    """How long an idle connection is kept."""
    write_stall: float = 60.0
    """How long a client may take no byte of what is ready for it."""
    max_head: int = 64 * 1024
    bodies_held: int = 256 * MB
    """All bodies larger than one read together; above it new ones are refused."""
    spare_connections: int = 128
    """Connections above the operator's bound that still get an answer (503) instead of being dropped."""
    ping: float = 15.0
    """Silence on a stream after which a comment is sent."""
    patience: float = 10.0
    """How long a call over MCP may take before its answer becomes a stream."""
    progress_after: float = 2.0
    """The same for a client that wants to be told of progress."""
    progress_every: float = 5.0
    hold: float = 50.0
    """How long a call is held while a person is asked; clients usually wait a minute."""
    last_handshakes: float = 0.1
    """After draining, for those who have begun to connect: a round trip of theirs."""
    last_requests: float = 0.5
    """After draining, for a connection that was accepted last to say what it came for."""
    call_grace: float = 5.0
    """How long a plain call may go on once the server was told to stop."""
    stream_grace: float = 2.0
    """How long an open stream may take to say goodbye once the server was told to stop."""


DEFAULT_LIMITS = Limits()
