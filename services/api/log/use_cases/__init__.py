"""Reading, exporting and clearing the Log."""
