"""The relay on the phone system's host: inventories, archives, backs up, verifies and restores voicemails and
recordings, which 3CX's API cannot do.

A small program of its own: no Celery, no shared database, nothing of Rollcall imported. It takes signed requests
over HTTPS (docs/relay.md has the protocol), keeps a journal of each operation in its state folder, writes the
tables ``s_voicemail`` and ``recordings`` and the audio folders of 3CX, and nothing else of 3CX. It must never join
anything from the network to a folder, remove a file that was not proven at its new place, or touch call history.
"""

PROTOCOL_VERSION = 1
"""What ``docs/relay.md`` describes; counts up when a client written for the old one would go wrong."""

VERSION = "0.1.0"
