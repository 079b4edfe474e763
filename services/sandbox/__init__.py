"""Stand-ins for both ends: a 3CX V20 phone system (XAPI) and a small directory, for the demo, tests and load.

Imports nothing of Rollcall, so that it can be wrong only on its own account.
"""
