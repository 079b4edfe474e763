"""The documentation, served inside the console: the pages of docs/ as they stand, searchable, without any other host.

Knows its own files alone: no database, no settings. The wheel carries them.
"""
