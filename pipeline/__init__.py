"""The pipeline: configuration, DAG, evaluation settings. Importing this package imports no TensorFlow."""
