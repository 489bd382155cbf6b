"""Training of the completion network and its context discriminators (paper, sections 3.3 to 3.5)."""
