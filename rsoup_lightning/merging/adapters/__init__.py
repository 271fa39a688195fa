"""LoRA adapters of PEFT, diffusers and Kohya: read, folded into their base, written."""
