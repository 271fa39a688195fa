"""The plain elements that every page is made of."""
