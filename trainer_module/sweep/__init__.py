"""The engine: trains the cells of one sweep from cached activations, in worker processes. Imports sources."""
