"""Precision plugins, the engine, isolated trials, measurement, stability and search."""
