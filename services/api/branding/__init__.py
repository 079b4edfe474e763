"""The console's own look: logo and colours."""
