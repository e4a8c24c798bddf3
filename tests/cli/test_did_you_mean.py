"""What was mistyped is told with what was probably meant, as wrong usage."""

import pytest

from tests.cli.console import Console


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (("serv",), "Did you mean 'serve'?"),
        (("chek",), "Did you mean 'check'?"),
        (("keys", "lst"), "Did you mean 'list'?"),
        (("import", "opnapi", "x"), "Did you mean 'openapi'?"),
        (("call", "--strem", "a", "b"), "Did you mean '--stream'?"),
        (("usage", "--by", "agent,modle"), "Did you mean model?"),
        (("usage", "--by", "zzz"), "It is added up by day, agent, skill, utility, model"),
        (("usage", "--since", "yesturday"), "Did you mean 48h?"),
        (("activity", "--since", "7 days"), "Did you mean 7d?"),
        (("activity", "--since", "3 hours ago"), "Did you mean 3h?"),
        (("activity", "--since", "3"), "Did you mean 3d?"),
        (("activity", "--since", "90 secs"), "Did you mean 90s?"),
        (("activity", "--since", "2 months"), "nor an ISO time."),
        (("activity", "--since", "soon"), "is neither a duration"),
        (("activity", "--outcome", "eror"), "'ok', 'error'"),
        (("nothing-like-it",), "No such command 'nothing-like-it'."),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_was_probably_meant_is_named(console: Console, typed: tuple[str, ...], meant: str) -> None:
    done = console.run(*typed)
    assert (done.code, done.out) == (2, "")
    assert meant in " ".join(done.err.split())
