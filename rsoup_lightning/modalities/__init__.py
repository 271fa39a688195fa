"""How each modality is sampled and re-scored: one policy and one environment each."""
