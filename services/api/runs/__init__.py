"""Runs: start, follow, approve, reject and cancel them; their plans."""
