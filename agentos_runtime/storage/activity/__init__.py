"""The activity ledger: who called what, with which outcome, at what cost. Never a payload, never a secret."""
