"""docs/checking.md is true: its files load and pass, its commands print what it shows."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.cli.console import PATIENCE
from tests.docs.pages import DOCS, Block, blocks, desk


@pytest.mark.slow
def test_following_the_page_gives_what_it_shows(tmp_path: Path) -> None:
    made, shown = desk(tmp_path), []
    steps = blocks(DOCS / "checking.md")
    for step, following in zip(steps, [*steps[1:], Block("", "", "")], strict=True):
        if step.path:
            file = tmp_path / step.path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(step.text, encoding="utf-8")
        elif step.kind == "bash":
            assert following.kind == "text"
            done = subprocess.run(
                ["bash", "-c", step.text], cwd=tmp_path, env=made.environ, capture_output=True, timeout=PATIENCE
            )
            shown.append((re.sub(r"  \d+ ms$", "", done.stdout.decode(), flags=re.MULTILINE), following.text))
    assert [printed for printed, _ in shown] == [promised for _, promised in shown] != []
