"""What an administrator can do, as plain functions: the HTTP routes and the command line both call these.

Each takes the process's ``Context`` and values, and returns values or raises an error of ``shared.errors``.
Never: knows of requests, statuses or terminals.
"""
