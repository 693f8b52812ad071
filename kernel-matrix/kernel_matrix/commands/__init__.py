"""The commands of kernel-matrix, a module each; cli.py has the table of them."""
