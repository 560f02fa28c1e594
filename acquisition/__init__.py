"""Finds, fetches, checks or generates images, and ImageNet weights. Imports no component and no trainer code."""
