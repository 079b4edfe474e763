"""What the pages of the settings read."""
