"""The parts of the sandboxes that need no network."""
