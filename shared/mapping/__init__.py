"""What gives a field its value: the name of an attribute, or a small expression over attributes (docs/mapping.md). Pure."""
