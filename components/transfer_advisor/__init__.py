"""The node TransferAdvisor: gains predicted for the sources before any training on the target."""
