"""What may be done with a run."""
