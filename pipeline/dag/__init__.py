"""The DAG: its nodes, their settings and code fingerprints, TFMA's configuration. Imports components."""
