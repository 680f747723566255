"""Trains or tests a model from a config file, with fast-reid's own command line.

python tools/train_net.py --config-file configs/DCAC/ma_ms.yml [--eval-only] [--resume] [--num-gpus K] [KEY VALUE ...]
"""

import dcac_fastreid  # first: it makes fast-reid importable
from fastreid.engine import default_argument_parser, launch


def main(args):
    with dcac_fastreid.one_sentence_errors():
        cfg = dcac_fastreid.setup(args)
        if args.eval_only:
            return dcac_fastreid.DCACTrainer.test(cfg, dcac_fastreid.load_for_testing(cfg))
        trainer = dcac_fastreid.DCACTrainer(cfg)
        trainer.resume_or_load(resume=args.resume)
        return trainer.train()


if __name__ == "__main__":
    with dcac_fastreid.one_sentence_errors():
        args = default_argument_parser().parse_args()
        dcac_fastreid.check_command(args)
    launch(main, args.num_gpus, args.num_machines, args.machine_rank, args.dist_url, args=(args,))
