"""Several processes that do the work of one."""
