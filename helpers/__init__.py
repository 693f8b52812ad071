"""What a test, a REPL session or the matrix needs to make system calls in a machine."""
