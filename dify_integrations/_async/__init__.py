"""Hand-written I/O; `_sync` is generated from it."""
