"""Storage of trials and the policy that turns them into a recommendation (free of torch)."""
