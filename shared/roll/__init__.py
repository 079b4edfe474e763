"""The roll: who is who right now. Per site one row for each person and for each extension that is nobody's.

``entry`` is what a row says, ``states`` decides its state (pure), ``queries`` answers who has a number, an address or a
name, ``reading`` takes up what a run has read, ``effects`` what was done to an extension or a link since. The roll is
never evidence: whoever acts reads both ends again.
"""
