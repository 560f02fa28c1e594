"""TFMA on exported models: all candidates of one baseline in one pass. Imports TFX and TFMA."""
