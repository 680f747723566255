"""The same as `dcac-fastreid convert`."""

from dcac_fastreid.commands.main import run_tool

if __name__ == "__main__":
    run_tool("convert")
