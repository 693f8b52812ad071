"""Kernels to test, runs of the suites over them, and what is concluded."""
