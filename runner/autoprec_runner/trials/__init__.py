"""One candidate on one workload: the child that runs its steps, and the parent's hold on it."""
