"""The entry point of the installable package; all metadata is in pyproject.toml. Imports setuptools alone."""

from setuptools import setup

setup()
