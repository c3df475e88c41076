"""What `suggest()` does with a service: ask it first, report what is measured, keep what it could not take."""
