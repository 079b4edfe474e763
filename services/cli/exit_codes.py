"""Exit codes, a promise to scripts: see the README."""

FAILED = 1
USAGE = 2
HELD = 3
WARNINGS = 4
INTERRUPTED = 130
