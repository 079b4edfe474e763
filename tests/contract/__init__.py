"""Tests of what was agreed: messages, tasks, imports, the official description of XAPI."""
