"""The invariants of Rollcall under failure, each by name."""
