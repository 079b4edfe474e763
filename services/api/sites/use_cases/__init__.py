"""Creating and removing sites."""
