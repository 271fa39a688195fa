"""Whether stored experts are of one kind: configurations, tokenizers, rows of embeddings."""
