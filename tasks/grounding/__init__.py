"""Where in a picture the thing is that a phrase names."""
