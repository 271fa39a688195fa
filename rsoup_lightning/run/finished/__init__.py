"""What a finished run is made into: one policy, a folder on the hub."""
