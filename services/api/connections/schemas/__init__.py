"""Tests of connections on the wire."""
