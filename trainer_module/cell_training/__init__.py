"""How a cell is trained on a draw: recipes, step schedules, programs and cached activations. Imports sources."""
