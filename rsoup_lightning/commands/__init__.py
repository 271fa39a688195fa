"""What ``rsoup`` does, one file per command."""
