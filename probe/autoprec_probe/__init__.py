"""What this machine is and which precisions it can really run (free of torch)."""
