"""A whole run: recipe, stages, sweep, run folder."""
