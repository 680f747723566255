"""dcac-fastreid train: fast-reid's own command line."""

import argparse

from dcac_fastreid.commands.options import add_verbose, check_one_process
from dcac_fastreid.errors import InputError
from dcac_fastreid.training_options import check_options

DESCRIPTION = (
    "Trains a model from a config file, with fast-reid's own command line. With --eval-only, tests a checkpoint."
)
CONFIG = "path of a config, or the name of a shipped one, such as DCAC/ma_ms.yml or DCAC/synthetic/ma_ms.yml"
OPTS = "KEY VALUE pairs that change the config, such as OUTPUT_DIR logs/mine"


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--resume", action="store_true", help="go on with the run in OUTPUT_DIR")
    parser.add_argument(
        "--eval-only", action="store_true", help="test the checkpoint MODEL.WEIGHTS, as `dcac-fastreid test` does"
    )
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="print what would be read, made and written, and how long it would take; write nothing",
    )
    add_common_options(parser)


def add_common_options(parser: argparse.ArgumentParser) -> None:
    """Those of training and test: fast-reid's with its names and defaults, and -v."""
    parser.add_argument("--config-file", default="", metavar="FILE", help=CONFIG)
    add_verbose(parser)
    parser.add_argument(
        "--num-gpus",
        type=int,
        default=1,
        metavar="N",
        help="number of GPUs of each machine, or of processes where there is none (default: 1)",
    )
    parser.add_argument("--num-machines", type=int, default=1, metavar="N", help="number of machines (default: 1)")
    parser.add_argument(
        "--machine-rank", type=int, default=0, metavar="N", help="number of this machine, from 0 (default: 0)"
    )
    parser.add_argument(
        "--dist-url",
        default="auto",
        metavar="URL",
        help="with several machines, an address of the first one and a free port of it, by which the processes find each "
        "other, such as tcp://10.0.0.1:29500 (default: auto, on one machine a free port)",
    )
    parser.add_argument("opts", default=None, nargs=argparse.REMAINDER, help=OPTS)


def run(args: argparse.Namespace) -> None:
    check_options(args)
    if getattr(args, "dry_run", False):
        dry_run(args)
        return
    import dcac_fastreid
    from dcac_fastreid import data
    from dcac_fastreid.distributed.join import launched
    from dcac_fastreid.distributed.launch import launch
    from dcac_fastreid.engine.setup import on_gpus

    machines = args.num_gpus, args.num_machines, args.machine_rank, args.dist_url
    with data.read_once():
        if not launched():
            dcac_fastreid.check_command(args)
        launch(main, *machines, args=(args,), on_gpus=on_gpus(args))


def dry_run(args: argparse.Namespace) -> None:
    """The checks of a training, and what it would cost."""
    check_one_process("start --dry-run without the launcher; --num-gpus says how many processes there would be")
    if args.eval_only:
        raise InputError("--dry-run is for a training, --eval-only tests a checkpoint; leave one of them out")
    from dcac_fastreid import data
    from dcac_fastreid.engine import load_config
    from dcac_fastreid.engine.setup import check_command
    from dcac_fastreid.profiling import describe_training

    with data.read_once(), data.saving_no_hashes():
        check_command(args, dry_run=True)
        print(describe_training(load_config(args.config_file, args.opts), args.num_gpus * args.num_machines))


def main(args: argparse.Namespace):
    """Runs in each process."""
    import dcac_fastreid
    from dcac_fastreid.distributed.join import has_begun, launched
    from dcac_fastreid.distributed.turns import wait_for_all
    from fastreid.utils import comm

    folder = dcac_fastreid.load_config(args.config_file, args.opts).OUTPUT_DIR
    args.resume = comm.all_gather(args.resume or has_begun(folder))[0]
    if launched():  # those of --num-gpus are started behind it
        if comm.is_main_process():
            dcac_fastreid.check_command(args)
        wait_for_all()
    cfg = dcac_fastreid.setup(args)
    if args.eval_only:
        dcac_fastreid.DCACTrainer.test(cfg, dcac_fastreid.load_for_testing(cfg))
        return
    trainer = dcac_fastreid.DCACTrainer(cfg)
    trainer.resume_or_load(resume=args.resume)
    trainer.train()
