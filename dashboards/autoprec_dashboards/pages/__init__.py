"""What each page shows: frozen values, made of stored ones by pure functions."""
