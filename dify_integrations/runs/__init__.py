"""What a run means: items, the fold that makes them, the end, the result."""
