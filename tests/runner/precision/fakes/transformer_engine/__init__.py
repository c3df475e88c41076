"""A stand-in for NVIDIA's Transformer Engine that computes with plain torch on a CPU.

It has the names and signatures of the real package as far as autoprec calls them, and its rules: which shapes FP8
takes, what is refused under `torch.compile`, which state is restored. `test_transformer_engine_contract.py` compares it
with the source of the real package.
"""
