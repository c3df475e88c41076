"""Who owns the step: one process on one device, or several that share the model (FSDP, DeepSpeed)."""
