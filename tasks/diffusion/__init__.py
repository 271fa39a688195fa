"""Text to image: pictures for their names, in the style that rewards ask for."""
