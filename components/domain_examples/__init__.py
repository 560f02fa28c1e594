"""Examples of one domain: its classes alone, relabelled, split and augmented."""
