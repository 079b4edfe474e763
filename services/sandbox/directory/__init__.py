"""A stand-in for a small Active Directory domain: answers LDAP from memory, for the demo, tests and load.

``build_company`` makes a believable company, ``RunningDirectory`` serves it over LDAPS, ``change_company`` lets
a day pass. What it imitates is what a collector sees: pages, limits, sub-codes, filters, identifiers, tombstones.
Imports nothing of Rollcall and never writes to disk.
"""

from services.sandbox.directory.company import Company, build_company
from services.sandbox.directory.directory import Directory
from services.sandbox.directory.faults import Faults
from services.sandbox.directory.next_day import change_company
from services.sandbox.directory.running import RunningDirectory

__all__ = ["Company", "Directory", "Faults", "RunningDirectory", "build_company", "change_company"]
