"""Fronts and their soups, to be used from Python: what the page, the server and notebooks stand on."""
