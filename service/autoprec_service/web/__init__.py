"""The HTTP service over a store: what has been measured, and what follows from it."""
