"""Expressions over attributes."""
