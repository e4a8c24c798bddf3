"""A newcomer's first hour in one go: add, init, ask, update, record, drift, at 80 and at 60 columns."""

import json
from pathlib import Path

import pytest

from tests.cli.console import Console
from tests.cli.test_first_steps import KEY, PARROT
from tests.cli.test_widths import is_code, lines_of, words
from tests.toy.raw import Exchange, Toy, chunked_head, one_chunk, render

JSON = [("Content-Type", "application/json")]
NEWER = PARROT.replace("description: It answers\n", "description: It answers and listens\n").replace(
    "utilities:\n",
    'utilities:\n  mood:\n    description: How it feels\n    rest: {url: "https://parrot.example/mood"}\n',
)


class Parrot:
    """Answers who knows its key; from some day on it says its name elsewhere."""

    def __init__(self) -> None:
        self.me: dict[str, object] = {"name": "Polly", "age": 7}

    def __call__(self, exchange: Exchange) -> None:
        request = exchange.request
        if request.header("x-key") != KEY:
            exchange.send(render(401, b'{"error": {"message": "no such key"}}', JSON))
        elif request.target == "/me":
            exchange.send(render(200, json.dumps(self.me).encode(), JSON))
        else:
            lines = 'data: {"say": "Hello you"}\n\ndata: {"stop": "end_turn"}\n\ndata: [DONE]\n\n'
            exchange.send(chunked_head(200, [("Content-Type", "text/event-stream")]) + one_chunk(lines.encode()))
            exchange.send(b"0\r\n\r\n")


def walked(folder: Path, width: int) -> list[str]:
    """The whole way on terminals of this width; gives all lines that were shown."""
    folder.mkdir()
    console, parrot = Console(folder / "home", folder / "none"), Parrot()
    console.as_installed()
    source = folder / "parrot.md"
    source.write_text(PARROT, encoding="utf-8")
    shown: list[str] = []

    def step(*args: object, answers: dict[str, str] | None = None, code: int = 0) -> str:
        done = console.asked(answers or {}, *args, COLUMNS=str(width))
        assert done.code == code, done.out
        shown.append(done.out)
        return done.out

    with Toy(parrot) as toy:
        console.environ["AGENTOS_REWRITE"] = f"https://parrot.example={toy.origin}"
        assert "agentos keys set parrot" in step("add", source, answers={"skills? [y/N]: ": "y"})
        assert "The key works" in step("init", "parrot", answers={"Parrot key: ": KEY, "[polly-1]: ": ""})
        assert "Hello you" in step("ask", "Hello")
        source.write_text(NEWER, encoding="utf-8")
        assert "+  mood:" in step("update", "parrot", answers={"Update it? [y/N]: ": "y"})
        step("approve", "parrot", answers={"[y/N]: ": "y"})
        assert "Recorded: " in step("call", "parrot", "me", "--record", "mine")
        step("test", "parrot")
        step("drift", "parrot")
        parrot.me = {"full_name": "Polly", "age": "7"}
        drifted = step("drift", "parrot", code=1)
        assert "name" in drifted
        assert "age" in drifted
    assert not any(KEY in text for text in shown)
    return lines_of("".join(shown))


def is_whole(line: str) -> bool:
    """A line that is never broken: code, an address, a digest, a path that somebody copies."""
    return is_code(line) or line.startswith(("  text ", "  from ", "Added: ", "Updated: ", "Recorded: "))


@pytest.mark.slow
def test_the_whole_way_works_and_fits_narrow_terminals(tmp_path: Path) -> None:
    shown = {width: walked(tmp_path / str(width), width) for width in (80, 60)}
    for width, lines in shown.items():
        assert [line for line in lines if len(line) > width and " " in line.strip() and not is_whole(line)] == []
    lost = words(shown[80]) ^ words(shown[60])
    assert lost == set()
