"""A caption for a picture: emoji and their names, or photographs."""
