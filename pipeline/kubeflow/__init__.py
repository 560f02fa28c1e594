"""The same DAG for Kubeflow Pipelines: cluster, compiled specification, the program of each task. Imports runner."""
