"""Serving of a pushed model: an HTTP server, TensorFlow Lite files. Imports runs."""
