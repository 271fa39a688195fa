"""Lightning's trainer in a stage: what it may be told, logs, checkpoints, callbacks."""
