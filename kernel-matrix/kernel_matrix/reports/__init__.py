"""Reports: everything that is said of a run, derived from its journals alone."""
