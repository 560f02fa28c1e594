"""The experiment's configuration: domains, backbones, presets, and names that all packages share. No TensorFlow."""
