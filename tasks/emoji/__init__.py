"""Emoji of installed packages: their pictures and names, and scenes composed of them."""
