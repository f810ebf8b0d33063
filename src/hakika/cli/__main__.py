"""`python -m hakika.cli`."""

from hakika.cli import main

main()
