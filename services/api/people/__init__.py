"""People and their extensions: who is linked to what, what is still owed, who is leaving, which template holds."""
