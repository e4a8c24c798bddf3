"""The home's config.toml, changed by a command."""

import os
from collections.abc import Callable
from pathlib import Path

from agentos_runtime.skills.imported_files import replace_files
from agentos_runtime.storage.private_files import locked, make_private_folder


def change_config(file: Path, change: Callable[[str], str]) -> None:
    """Write what `change` makes of the text, alone among all commands; a link stays one, and the mode as it was.

    Raises OSError, PrivateFileError, and what `change` raises.
    """
    make_private_folder(file.parent)
    real = Path(os.path.realpath(file))
    with locked(file):
        before = real.read_text(encoding="utf-8") if real.exists() else ""
        text = change(before)
        if text != before:
            replace_files({real: text}, mode=0o600)
