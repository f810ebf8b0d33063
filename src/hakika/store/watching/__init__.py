"""Reading much at once: for metrics, statistics and audits."""
