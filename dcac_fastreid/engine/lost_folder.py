"""A run whose folder is deleted while it goes on."""

import logging
import os
from pathlib import Path

from dcac_fastreid.engine.run_metadata import write_run_metadata
from fastreid.engine import hooks
from fastreid.engine.train_loop import HookBase
from fastreid.utils.events import JSONWriter

logger = logging.getLogger("fastreid.dcac")


class LostFolder(HookBase):
    """Looks at the end of every epoch, and makes again what is gone: the folder, config, run metadata, log and metrics.

    The first of the hooks. Open files go on without a word where nobody finds them: a run would end well, and leave no metrics.
    """

    def after_epoch(self):
        trainer = self.trainer
        folder = Path(trainer.cfg.OUTPUT_DIR)
        if not trainer.cfg.OUTPUT_DIR or (folder / "metrics.json").exists():
            return
        folder.mkdir(parents=True, exist_ok=True)
        _reopen_logs(folder)
        logger.warning(
            f"{folder / 'metrics.json'} was deleted while the run goes on: it is made again, with the rest of the folder; what it "
            "held up to here, checkpoints too, is lost where it is gone"
        )
        (folder / "config.yaml").write_text(trainer.cfg.dump())
        write_run_metadata(trainer.cfg)
        for hook in trainer._hooks:
            if isinstance(hook, hooks.PeriodicWriter):
                written = [writer._last_write for writer in hook._writers if isinstance(writer, JSONWriter)]
                for writer in hook._writers:
                    writer.close()
                hook._writers = trainer.build_writers()
                for writer in hook._writers:
                    if isinstance(writer, JSONWriter):
                        writer._last_write = written.pop(0)


def _reopen_logs(folder: Path) -> None:
    """fast-reid's log.txt, which it writes through a stream that it never opens again."""
    for handler in logging.getLogger("fastreid").handlers:
        name = getattr(getattr(handler, "stream", None), "name", None)
        if isinstance(name, str) and Path(name).parent == folder and not os.path.exists(name):
            handler.setStream(open(name, "a", encoding="utf-8"))
