"""What an administrator of the machine asks for."""
