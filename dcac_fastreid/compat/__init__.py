"""Every patch of fast-reid that this package makes, in the order in which they are applied.

The host is never edited: each patch is one function that replaces a name in a host module, is applied only where it is
needed, and may be applied twice. Its file says which host line fails and how.

script_names.py, onnx_tools.py and faiss_gpu.py are not among them: what they replace, they replace only while
`python -m dcac_fastreid` runs a script.
"""

from importlib import import_module

# Named by "module.function", not imported here: most of these modules import the host, which needs the first three
# patches to be imported at all.
PATCHES = (
    ("imports.require_host", "fast-reid is missing: one sentence with the command that installs it"),
    ("imports.restore_collections_mapping", "collections.Mapping, gone since Python 3.10"),
    ("imports.restore_torch_six", "torch._six.string_classes and container_abcs, gone since PyTorch 2.0"),
    ("warnings.silence_void_warnings", "two host warnings that these patches make void"),
    ("late_imports.import_torchvision_without_compiler", "PyTorch's compiler is imported by what compiles"),
    ("late_imports.import_scikit_learn_late", "scikit-learn is imported by the first ROC curve"),
    ("log_lines.show_names", "names of files in log lines are seen, and do nothing else"),
    ("log_lines.say_what_is", "no log line calls a Markdown table csv, or tells of a compilation that is none"),
    ("solver.keep_parameters_separate", "the optimizer trains: no contiguous parameters, which zero_grad now detaches"),
    ("solver.find_lamb", "SOLVER.OPT Lamb"),
    ("backbones.find_settings", "RegNet and EfficientNet from any working directory, and one after the other"),
    ("backbones.explain_missing_gdown", "pretrained weights without gdown: one sentence with the ways out"),
    (
        "backbones.read_weights_as_data",
        "pretrained weights are read as all weights are: nothing runs, damage is noticed",
    ),
    ("preprocessing.normalise_out_of_place", "TEST.FLIP: images are normalised once"),
    ("transforms.restore_random_affine", "INPUT.AFFINE on today's torchvision"),
    ("data_loader.load_in_order", "PyTorch's own data loader: runs without a GPU, and does not hang with one"),
    ("device.follow_the_config", "MODEL.DEVICE is CUDA's current device, and that of the loaders"),
    ("images.read_any_image", "any image file is read as RGB, or is an error that names it"),
    ("mixed_precision.use_device_autocast", "SOLVER.AMP on CPU and GPU, bf16 or fp16, with torch.amp"),
    ("mixed_precision.read_scale_where_used", "fp16: no step but those of the warm-up waits for the loss scale"),
    ("distributed_model.wrap_for_any_device", "several processes train a model without a GPU too"),
    ("event_storage.keep_on_device", "logged numbers stay on the GPU until they are written"),
    ("metrics.log_without_waiting", "logged losses are those of the step, and no step waits for them"),
    ("metrics.write_steps_once", "an epoch's evaluation is written; a run of one or two steps divides by nothing"),
    ("checkpoints.allow_no_period", "SOLVER.CHECKPOINT_PERIOD 0: the checkpoint of the last epoch alone"),
    ("checkpoints.save_whole", "a checkpoint is written whole or not at all, and none that is NaN"),
    ("evaluation_hook.evaluate_in_the_last_epoch", "the last evaluation is saved and logged; EVAL_PERIOD 0: none"),
    ("training_errors.let_first_error_through", "a failing training run shows its own error"),
    ("evaluation.skip_compilation", "an evaluation compiles nothing and cannot end the process"),
    ("evaluation.evaluate_in_blocks", "an evaluation fits in memory, with TEST.AQE, RERANK and ROC too, on any device"),
    ("evaluation.rank_by_counting", "evaluate_rank, where a script calls it, is dcac_fastreid's"),
    ("distances.euclidean_without_warning", "build_dist, where a script calls it: euclidean without a deprecated call"),
    (
        "distances.rerank_on_the_cpu",
        "build_dist: jaccard without faiss-gpu; too few images are an error, no wrong number",
    ),
)


def apply() -> None:
    """Applies every patch that this environment needs; a second call changes nothing.

    Raises: ImportError: fast-reid is not installed.
    """
    for patch, _ in PATCHES:
        module, function = patch.split(".")
        getattr(import_module(f"{__name__}.{module}"), function)()
