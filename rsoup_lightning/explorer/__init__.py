"""The live page: runs on a shelf, their fronts, and their policies playing now at any λ."""
