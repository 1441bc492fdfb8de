"""One HTTP service per integration."""
