"""Running rows of a table, and judging them."""
