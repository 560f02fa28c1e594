"""Fetches and finds data sets and weights; checks what was fetched. Imports no component and no trainer code."""
