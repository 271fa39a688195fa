"""Who computes the stages of a run: this process, workers on this machine, Ray or SLURM."""
