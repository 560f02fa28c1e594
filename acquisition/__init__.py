"""Finds, fetches, checks or draws images and ImageNet weights. Imports no component and no trainer code."""
