"""LoRA adapters in PEFT's folders: read, folded into their base, written."""
