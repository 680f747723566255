"""The same as `dcac-fastreid model-stats`."""

from dcac_fastreid.commands.main import run_tool

if __name__ == "__main__":
    run_tool("model-stats")
