"""What the text tasks share: data of installed packages, of record files and of the hub; one way to split it."""
