"""Settings: sections, their history, their forms and the wizard."""
