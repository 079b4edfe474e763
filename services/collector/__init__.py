"""Knows Active Directory, and nothing of 3CX.

Owns: when runs are due, reading organizational units over LDAP, the proof that a reading is complete.
Takes: ``collector.snapshot_unit``, ``collector.locate_absent`` and the
questions ``collector.test_directory``, ``collector.browse_units``, ``collector.list_attributes``,
``collector.propose_numbers``, ``collector.unknown_attributes``, ``collector.try_mapping``.
Writes: ``runs`` (new ones), ``snapshot_parts``, ``snapshot_pages``, ``events``.
Never: decides what happens to an extension, or reports a part complete that it did not read to the end.
"""
