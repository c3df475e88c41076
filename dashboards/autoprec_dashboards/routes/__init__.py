"""Where pages are: each reads from the store what it shows, and no more."""
