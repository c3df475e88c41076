"""Running a user's script in a precision: what is chosen, the process, and what is reported of it."""
