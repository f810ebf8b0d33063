"""The checks: one module each; `doctor.registry` puts them in order."""
