"""Runs, finished or not: their folders, files, locks, logs, lineage and comparison. Imports no dag."""
