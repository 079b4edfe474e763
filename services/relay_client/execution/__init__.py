"""Carries out the commands of a run: claims, looks, decides, writes, reads back what is unknown, and records it.

Uses ``xapi`` and ``archiving``; neither of them knows of commands and stages.
"""
