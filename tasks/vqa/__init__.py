"""Answers to questions on pictures."""
