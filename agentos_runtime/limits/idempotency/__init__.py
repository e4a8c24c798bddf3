"""`Idempotency-Key`: a call made again with the same key gets the first answer again."""
