"""A place among tokens, which moves on as they are taken."""

from agentos_runtime.jq.compiled.errors import Unsupported
from agentos_runtime.jq.compiled.language.lexer import Kind, Token

_PLAIN = frozenset({"sign", "name"})


class Cursor:
    def __init__(self, tokens: tuple[Token, ...]) -> None:
        self.tokens = tokens
        self.position = 0

    @property
    def token(self) -> Token:
        """The next one."""
        return self.tokens[self.position]

    def at(self, *texts: str) -> bool:
        """Whether the next token is one of these signs or names."""
        token = self.tokens[self.position]
        return token.text in texts and token.kind in _PLAIN

    def take(self, text: str) -> bool:
        """Take the next token if it is this sign or name."""
        token = self.tokens[self.position]
        if token.text == text and token.kind in _PLAIN:
            self.position += 1
            return True
        return False

    def need(self, text: str) -> None:
        """Take this sign or name. Raises Unsupported for any other."""
        if not self.take(text):
            raise Unsupported(f"{self.token.text!r} where {text!r} is expected")

    def next(self, *kinds: Kind) -> Token:
        """Take a token of one of these kinds. Raises Unsupported for any other."""
        token = self.token
        if token.kind not in kinds:
            raise Unsupported(f"{token.text!r} is not expected")
        self.position += 1
        return token

    def must_end(self) -> None:
        """Raises Unsupported when anything is left."""
        if self.token.kind != "end":
            raise Unsupported(f"{self.token.text!r} is not expected")
