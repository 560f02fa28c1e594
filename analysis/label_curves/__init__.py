"""Accuracy as a function of the number of labelled images, beyond the sizes that were run."""
