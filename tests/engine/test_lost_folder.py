"""A run whose folder is deleted while it goes on makes it again, and says so."""

import json
import logging
import shutil
from pathlib import Path

from fastreid.engine import HookBase
from fastreid.utils.logger import setup_logger


class Delete(HookBase):
    def after_step(self):
        if self.trainer.iter == 4:
            shutil.rmtree(self.trainer.cfg.OUTPUT_DIR)


def test_a_folder_that_is_deleted_is_made_again(make_trainer, tmp_path):
    never = ("DATASETS.TESTS", (), "TEST.EVAL_PERIOD", 0)
    trainer = make_trainer("baseline/ma_ms.yml", "SOLVER.MAX_EPOCH", 3, *never)
    folder, root = Path(trainer.cfg.OUTPUT_DIR), logging.getLogger("fastreid")
    before = list(root.handlers)
    try:
        root.handlers.clear()  # those of another test may write to what it has closed
        setup_logger(str(folder))
        trainer.resume_or_load(resume=False)
        delete = Delete()
        delete.trainer = trainer
        trainer._hooks.append(delete)
        trainer.train()
        for handler in root.handlers:
            handler.flush()
    finally:
        root.handlers[:] = before
        setup_logger.cache_clear()
    written = [json.loads(line)["iteration"] for line in (folder / "metrics.json").read_text().splitlines()]
    assert written and min(written) >= 3 and max(written) == 8
    assert "was deleted while the run goes on" in (folder / "log.txt").read_text()
    names = {file.name for file in folder.iterdir()}
    assert {"config.yaml", "stamp.json", "model_0001.pth", "model_final.pth", "last_checkpoint"} <= names
    assert "model_0000.pth" not in names and any("tfevents" in name for name in names)
