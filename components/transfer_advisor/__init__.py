"""The node TransferAdvisor: what the sources promise before any training on the target."""
