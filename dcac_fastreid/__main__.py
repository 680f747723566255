"""python -m dcac_fastreid COMMAND, or SCRIPT.py of fast-reid: as dcac-fastreid."""

from dcac_fastreid.commands.main import main

if __name__ == "__main__":
    main(prog="python -m dcac_fastreid")
