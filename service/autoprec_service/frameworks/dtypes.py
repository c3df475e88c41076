"""Which dtype a precision computes in, by torch's name without its prefix."""

MIXED = {"16-mixed": "float16", "bf16-mixed": "bfloat16"}
TRUE = {"32-true": "float32", "16-true": "float16", "bf16-true": "bfloat16", "64-true": "float64"}
