"""What stands between the network and the routes: connections, addresses, and how much anybody may ask before signing in."""
