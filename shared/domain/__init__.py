"""The words of the field as frozen values. Standard library only: no clock, no session, no framework."""
