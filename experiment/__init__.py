"""What is asked: configuration, domains, backbones, presets, and the vocabulary of all packages. No TensorFlow."""
