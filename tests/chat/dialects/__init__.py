"""The five providers as toys: each tells one generation in its own words, and refuses what the real one refuses.

A toy is made of public documentation and reports; it is no simulation of a model.
"""

from tests.chat.dialects import anthropic, gemini, ollama, openai, openrouter
from tests.chat.dialects.generation import Call, Dialect, Generation, Refused, Text, Thinking, canonical

DIALECTS: tuple[Dialect, ...] = (
    openrouter.OPENROUTER,
    anthropic.ANTHROPIC,
    ollama.OLLAMA,
    openai.RESPONSES,
    openai.COMPLETIONS,
    gemini.GEMINI,
)
FIVE = tuple(dialect for dialect in DIALECTS if dialect is not openai.COMPLETIONS)

__all__ = ["DIALECTS", "FIVE", "Call", "Dialect", "Generation", "Refused", "Text", "Thinking", "canonical"]
