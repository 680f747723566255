"""fast-reid's default config as a script's get_cfg() delivers it: with our keys, and with values that fit the machine."""

from collections.abc import Sequence
from contextlib import suppress

from dcac_fastreid.config import COMMAND_LINE, add_dcac_config, check_values, leaves, pairs, read_config, set_values
from dcac_fastreid.engine import config_file
from dcac_fastreid.engine.settings import OURS
from dcac_fastreid.engine.speed import UNSAID, choose_speed, leave_unsaid
from dcac_fastreid.errors import InputError
from dcac_fastreid.shipped import config_path
from fastreid.config import CfgNode, get_cfg
from fastreid.utils import comm

# What load_config chooses where neither file nor pairs say it.
CHOSEN = (
    ("MODEL", "DEVICE"), ("SOLVER", "AMP", "ENABLED"), ("SOLVER", "AMP", "DTYPE"), ("SOLVER", "CUDA_GRAPH"),
    ("MODEL", "PIXEL_MEAN"), ("MODEL", "PIXEL_STD"),
)  # fmt: skip


class ScriptConfig(CfgNode):
    """Chooses as `dcac_fastreid.load_config` does, after every file and list that the script merges until it freezes it.

    So the choice holds at any time, and a later file or list is asked with what the earlier ones have said.

    Raises:
        InputError: a file that is no config, a key that does not exist, a value of another type; and by a list, or when it
            is frozen, CUDA asked for and absent. A file alone may ask for CUDA: the list behind it may say cpu.
    """

    def merge_from_file(self, cfg_filename: str, allow_unsafe: bool = False) -> None:
        # allow_unsafe is fast-reid's, and without effect: such a file could run any code.
        if not cfg_filename:
            raise InputError("no config file is named; name one with --config-file")
        contents = read_config(config_path(cfg_filename))
        self._forget_choices()
        for source, content in contents:
            set_values(self, leaves(content), source, in_script=True)
        with suppress(InputError):
            self.choose()

    @classmethod
    def _decode_cfg_value(cls, value):
        # yacs makes nodes of the root's class here, and merges a node into one of its own class only.
        return CfgNode._decode_cfg_value(value)

    def merge_from_list(self, cfg_list: Sequence) -> None:
        if "SOLVER.AMP.ENABLED" in cfg_list[::2]:
            self._remember("precision_asked", True)
        self._forget_choices()
        set_values(self, pairs(cfg_list), COMMAND_LINE, in_script=True)
        self.choose()

    def freeze(self) -> None:
        self._forget_choices()
        self.choose()
        if self.MODEL.META_ARCHITECTURE in OURS:  # others may be the script's own, with values of its own
            check_values(self)
        super().freeze()
        self._remember("settled", True)

    def choose(self) -> None:
        """Gives CHOSEN the values that load_config would give, and remembers what was said of them; once frozen, nothing."""
        if self._recall("settled", False):
            return
        said = [self._get(key) for key in CHOSEN]
        config_file.choose_device(self, precision_asked=self._recall("precision_asked", False))
        choose_speed(self, comm.get_world_size())
        config_file.choose_pixels(self, *self._recall("host_pixels"))
        self._remember("choices", [(key, before, self._get(key)) for key, before in zip(CHOSEN, said, strict=True)])

    def _forget_choices(self) -> None:
        for key, said, chosen in () if self._recall("settled", False) else self._recall("choices", ()):
            if self._get(key) == chosen:  # else the script itself has set it
                self._set(key, said)

    def _get(self, key: Sequence[str]):
        node = self
        for part in key:
            node = node[part]
        return node

    def _set(self, key: Sequence[str], value) -> None:
        self._get(key[:-1])[key[-1]] = value

    # Beside the keys, where yacs keeps what it remembers itself: a copy of the config has it too.
    def _recall(self, name: str, default=None):
        return self.__dict__.get(name, default)

    def _remember(self, name: str, value) -> None:
        self.__dict__[name] = value


def default_config() -> ScriptConfig:
    """fast-reid's default values and ours; the device is chosen."""
    cfg = ScriptConfig()
    cfg.update(get_cfg())
    add_dcac_config(cfg)
    cfg._remember("host_pixels", (cfg.MODEL.PIXEL_MEAN, cfg.MODEL.PIXEL_STD))
    cfg.MODEL.DEVICE = UNSAID
    leave_unsaid(cfg)
    cfg.MODEL.PIXEL_MEAN, cfg.MODEL.PIXEL_STD = [], []
    cfg.choose()
    return cfg
