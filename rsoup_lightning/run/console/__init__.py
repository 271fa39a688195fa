"""What a command shows while it runs, and how it ends."""
