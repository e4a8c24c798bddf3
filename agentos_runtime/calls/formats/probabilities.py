"""Probabilities that a service writes as no JSON can say them.

Servers of models give a token that was impossible -Infinity, or NaN, for its logarithm. The answer is right but for
that: the number is not known. Anywhere else such a number makes an answer unreadable, as it should.
"""

from agentos_runtime.jsontext import with_nulls_below

_NAMES = "logprob"
"""Stands in the names of all of them: logprobs, top_logprobs, logProbability, logprobsResult."""


def known_probabilities(text: bytes) -> bytes | None:
    """The text with null for each probability that is no number; None where that does not make it JSON."""
    return with_nulls_below(text, _NAMES)
