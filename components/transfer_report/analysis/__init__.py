"""What the ledgers say beyond single cells: learning curves, labels saved, claims, what to use. No TensorFlow."""
