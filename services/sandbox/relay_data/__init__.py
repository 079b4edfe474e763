"""The part of a 3CX V20 host that the relay works on: a folder tree of audio files and the tables that name them.

Made up, from a seed; imports nothing of Rollcall, so that it can be wrong only on its own account.
"""
