"""What may be done for a person."""
