"""Knows neither end: compares what the directory says with what the phone system has.

Owns: matching, the plan, the guards that judge it.
Takes: ``reconciler.plan_run``. Writes: ``runs``, ``commands``, ``findings``, ``bindings`` (drops stale ones), ``events``.
Never: opens a connection to a directory or a phone system.
"""
