"""`@base` of a LAP file: where the service is."""

import re

from agentos_runtime.importers.api import ImportProblem
from agentos_runtime.manifest.sections.urls import address_problem


def base_of(said: str, chosen: str | None) -> str:
    """`chosen`: what is used in its place. Raises ImportProblem."""
    base = (chosen or said).strip().rstrip("/")
    if not base:
        raise ImportProblem("The LAP file names no address (`@base https://…`): say it with --base-url https://…")
    blanks = re.findall(r"\{[^{}]*\}", base)
    if blanks:
        raise ImportProblem(
            f"The address is {base}, which leaves {' and '.join(blanks)} open: write it out with --base-url https://…"
        )
    if not base.startswith(("http://", "https://")):
        meant = (
            f"https://HOST{base}" if base.startswith("/") and base[1:2] != "/" else f"https://{base.lstrip('/')}"
        )
        what = "say the host" if "HOST" in meant else "say it"
        raise ImportProblem(f"The address is given as {base}: {what} with --base-url {meant}")
    problem = address_problem(base) or ("has a query" if "?" in base else None)
    if problem:
        raise ImportProblem(f"The address {base} {problem}: write --base-url https://…")
    return base
