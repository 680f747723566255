"""Programs that load an encoder of others, and what each feeds it with: a folder that each takes as it is."""
