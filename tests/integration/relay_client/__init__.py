"""Tests of the relay client against the sandbox phone system."""
