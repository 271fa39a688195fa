"""Ready tasks, one package each. Each registers itself through the entry-point group ``rsoup_lightning.tasks``."""
