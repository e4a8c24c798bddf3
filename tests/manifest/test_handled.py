"""Patterns of web addresses (`handles_urls`): what they take, whatever they are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentos_runtime.manifest.requests.handled import reads


@pytest.mark.parametrize(
    ("pattern", "address", "taken"),
    [
        ("youtu.be/*", "https://youtu.be/abc", True),
        ("youtube.com/watch*", "http://www.YouTube.com/watch?v=1", True),
        ("https://www.youtube.com/watch*", "youtube.com/watch?v=1", True),
        ("youtube.com", "https://youtube.com/", True),
        ("youtube.com/*/video/*.html", "https://youtube.com/a/video/b.html", True),
        ("youtu.be/*", "https://youtu.be.evil.example/abc", False),
        ("youtu.be/*", "https://evil.example/youtu.be/abc", False),
        ("youtube.com/watch", "https://youtube.com/watch?v=1", False),
        ("a*a", "https://a", False),
    ],
)
def test_a_pattern_takes_an_address(pattern: str, address: str, taken: bool) -> None:
    assert reads(pattern, address) is taken


@given(st.lists(st.text("ab./", max_size=3), min_size=2, max_size=5), st.text("ab", max_size=3))
def test_what_stands_in_the_place_of_stars_is_taken(parts: list[str], between: str) -> None:
    assert reads("x/" + "*".join(parts) + "y", "https://x/" + between.join(parts) + "y")
