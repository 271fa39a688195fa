"""What users write: recipes and command lines, parsed, checked and explained."""
