"""Episodes that are played now: filmed, or drawn as lines."""
