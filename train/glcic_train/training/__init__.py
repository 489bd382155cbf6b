"""Training of the networks (Algorithm 1 of the paper): a configuration and batches in, checkpoints and records out."""
