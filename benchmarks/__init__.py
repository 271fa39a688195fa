"""One script per question. Each prints a table for people and, last, one JSON line."""
