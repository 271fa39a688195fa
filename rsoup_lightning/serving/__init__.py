"""A soup served over HTTP: every request at its own λ, many at once."""
