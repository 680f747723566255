"""Images of trained runs: every kind is a module whose `sections(...)` returns a list of content.Section and writes nothing."""
