"""Everyone who waits, told at once: in this process, across nodes, and from the log for truth."""
