"""The entry point of the installable package; all metadata is in pyproject.toml. Imports only setuptools."""

from setuptools import setup

setup()
