"""Who may come in: accounts, passwords, sessions, lock-out and the first link. Knows of no request and no page."""
