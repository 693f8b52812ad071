"""Planted bugs: whether the suites notice a kernel that has one."""
