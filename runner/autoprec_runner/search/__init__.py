"""How a study spends its budget: screen, sprint, race, verify."""
