"""What there is to tell is told, once, by channels that may be down."""
