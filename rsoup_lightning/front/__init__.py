"""Fronts: geometry, intervals, the record in front.json, preferences."""
