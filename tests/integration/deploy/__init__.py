"""What deploy/ describes, started and checked."""
