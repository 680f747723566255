"""The same as `dcac-fastreid search`."""

from dcac_fastreid.commands.main import run_tool

if __name__ == "__main__":
    run_tool("search")
