"""Pictures of trained runs: every kind is a module whose `pictures(...)` returns a list of page.Picture and writes nothing."""
