"""The services of Rollcall: each a folder, none imports another (see docs/decisions)."""
