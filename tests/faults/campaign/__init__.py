"""A campaign of faults: a company lives, everything between its directory and its phone system fails, an oracle judges.

``make faults``; docs/faults.md says what is judged and how to read a failure.
"""
