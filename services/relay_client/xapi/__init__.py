"""3CX's Configuration API: the client and its token, what a release can, its errors and warnings, and its values.

Translates; decides nothing. Imports neither ``execution`` nor ``archiving``.
"""
