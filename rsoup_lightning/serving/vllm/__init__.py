"""The same soup inside vLLM: a plug-in that makes adapters of names with λ, and a gateway before it."""
