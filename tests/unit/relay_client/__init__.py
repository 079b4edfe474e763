"""Tests of the relay client that need no phone system."""
