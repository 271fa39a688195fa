"""Experts as files: reading them, without running their code, and what only their class tells."""
