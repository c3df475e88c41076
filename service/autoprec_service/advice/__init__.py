"""How questions are answered from what is stored: measured, else transferred from near models, else predicted."""
