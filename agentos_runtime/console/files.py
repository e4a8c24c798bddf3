"""The scripts and the style sheet of the pages: read once, under an address that changes with their contents."""

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType

from agentos_runtime.frozen import dataclass

STATIC = Path(__file__).parent / "static"
TYPES: Mapping[str, bytes] = MappingProxyType(
    {".js": b"text/javascript; charset=utf-8", ".css": b"text/css; charset=utf-8", ".svg": b"image/svg+xml"}
)


@dataclass(frozen=True, slots=True)
class StaticFiles:
    """All of them by name, and the hash of all together: scripts name each other without one."""

    files: Mapping[str, bytes]
    version: str

    def find(self, version: str, name: str) -> bytes | None:
        """None for what is not there, and for another version than this one."""
        return self.files.get(name) if version == self.version else None


def read_static_files() -> StaticFiles:
    """Raises OSError."""
    files = {file.name: file.read_bytes() for file in sorted(STATIC.iterdir()) if file.suffix in TYPES}
    together = sha256()
    for name, data in files.items():
        together.update(b"%s %d\n" % (name.encode(), len(data)))
        together.update(data)
    return StaticFiles(files, together.hexdigest()[:16])


def content_type(name: str) -> bytes:
    """Of one of the files."""
    return TYPES[Path(name).suffix]
