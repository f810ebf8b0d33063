"""What the operator sees: the story in the log, counts, figures across nodes, probes."""
