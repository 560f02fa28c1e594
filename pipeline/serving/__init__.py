"""What is done with a pushed model: an HTTP server, TensorFlow Lite files. Imports runs."""
