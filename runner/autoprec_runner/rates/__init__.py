"""How fast a device multiplies and copies in each number format: a micro-benchmark, and where its results stay."""
