"""The subcommands of `dcac-fastreid`, a file each: its options and one call. What a command needs is imported when it runs."""
