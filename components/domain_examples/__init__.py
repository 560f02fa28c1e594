"""Examples of one domain: only its classes, relabelled, split and augmented."""
