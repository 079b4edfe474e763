"""Notices what changes in a directory while it changes, and leaves it to a run to read what it is."""
