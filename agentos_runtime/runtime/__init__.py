"""The one service layer: every surface calls a utility through it, so limits, ledger and errors are the same."""

from agentos_runtime.runtime.service import Runtime

__all__ = ["Runtime"]
