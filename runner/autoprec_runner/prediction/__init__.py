"""What a step will take on a machine, computed from what it does and how fast the machine is (free of torch)."""
