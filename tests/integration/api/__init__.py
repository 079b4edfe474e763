"""Tests of the API against a real database, a real server and a real worker."""
