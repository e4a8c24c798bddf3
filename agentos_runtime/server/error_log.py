"""What is written down when the runtime fails in a way it should not."""

import logging
import traceback

from agentos_runtime.errors import InternalError


def caught(error: BaseException, request_id: str) -> InternalError:
    """Logs the kind of the error and where it was, never its text: it may quote a key. Gives what callers see."""
    where = "".join(traceback.format_tb(error.__traceback__))
    logging.getLogger("agentos.http").error("request %s failed: %s\n%s", request_id, type(error).__name__, where)
    return InternalError("The runtime failed in a way it should not. Its log has more under this request_id.")
