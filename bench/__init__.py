"""Benchmarks: each figure is a ratio against a bare reference measured in the same run (docs/performance.md)."""
