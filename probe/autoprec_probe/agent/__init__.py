"""The agent: reports a machine's profile and live values to a service, and keeps what it cannot deliver."""
