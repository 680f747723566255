"""The same as `dcac-fastreid interpolate`."""

from dcac_fastreid.commands.main import run_tool

if __name__ == "__main__":
    run_tool("interpolate")
