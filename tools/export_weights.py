"""The same as `dcac-fastreid export-weights`."""

from dcac_fastreid.commands.main import run_tool

if __name__ == "__main__":
    run_tool("export-weights")
