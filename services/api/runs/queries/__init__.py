"""What is read of a run."""
