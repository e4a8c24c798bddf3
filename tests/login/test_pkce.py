"""A verifier, its challenge and the state are what RFC 7636 and RFC 6749 ask for."""

import re

from agentos_runtime.security.login.pkce import Proof


def test_the_challenge_is_that_of_the_rfcs_example() -> None:
    """RFC 7636, appendix B."""
    proof = Proof("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "state")
    assert proof.challenge == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def test_every_login_has_a_verifier_of_allowed_length_and_a_state_of_128_bits_of_its_own() -> None:
    proofs = [Proof.fresh() for _ in range(20)]
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{43,128}", proof.verifier) for proof in proofs)
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{22}", proof.state) for proof in proofs)
    assert len({proof.verifier for proof in proofs} | {proof.state for proof in proofs}) == 40
    asked: list[int] = []
    Proof.fresh(lambda size: asked.append(size) or bytes(size))  # type: ignore[func-returns-value]
    assert asked[-1] * 8 == 128


def test_a_proof_does_not_show_itself() -> None:
    proof = Proof.fresh()
    assert proof.verifier not in repr(proof)
    assert proof.state not in repr(proof)
