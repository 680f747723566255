"""A process that a script starts by "spawn", as fast-reid's demo does: it sees fast-reid as the script sees it.

multiprocessing runs this module there as "__mp_main__", because `run_script` names it as the __spec__ of the script.
"""

import os
import runpy
from contextlib import ExitStack

from dcac_fastreid.host_scripts.run import SCRIPT, fast_reid_for_scripts

if __name__ == "__mp_main__":
    _until_the_process_ends = ExitStack()
    _until_the_process_ends.enter_context(fast_reid_for_scripts())
    globals().update(runpy.run_path(os.environ[SCRIPT], run_name="__mp_main__"))  # what was pickled as the script's own
