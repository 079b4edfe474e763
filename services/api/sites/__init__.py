"""Sites: each is one directory, one phone system and one schedule."""
