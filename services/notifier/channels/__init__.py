"""The ways out: each translates a message, sends it, and says why it could not. None decides anything."""
