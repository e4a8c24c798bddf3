"""One call, without I/O: params to upstream request, upstream response to reply."""
