"""The training loop, the cache of frozen activations, the stack it runs on. Imports networks and data."""
