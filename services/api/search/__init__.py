"""One search over what the console has: people and extensions, runs, settings, help."""
