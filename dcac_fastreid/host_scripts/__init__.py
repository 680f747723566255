"""Scripts written for fast-reid, run as they are: what each of them finds under fast-reid's names."""

from dcac_fastreid.host_scripts.run import run_script

__all__ = ["run_script"]
