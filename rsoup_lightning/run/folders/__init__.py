"""Run folders: whose they are, which stages are done, of which files and weights."""
