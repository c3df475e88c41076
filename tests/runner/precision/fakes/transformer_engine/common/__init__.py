"""Recipes, as in the real package; see `transformer_engine`."""
