"""python -m kernel_matrix."""

from kernel_matrix.cli import main

main()
