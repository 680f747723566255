"""Every patch of fast-reid that this package makes, in the order in which they are applied.

The host is never edited: each patch is one function that replaces a name in a host module, is applied only where it is
needed, and may be applied twice. Its file says which host line fails and how.
"""

from importlib import import_module

# Named by "module.function", not imported here: most of these modules import the host, which needs the first three
# patches to be imported at all.
PATCHES = (
    ("imports.require_host", "fast-reid is missing: one sentence with the command that installs it"),
    ("imports.restore_collections_mapping", "collections.Mapping, gone since Python 3.10"),
    ("imports.restore_torch_six", "torch._six.string_classes, gone since PyTorch 2.0"),
    ("warnings.silence_void_warnings", "two host warnings that these patches make void"),
    ("solver.keep_parameters_separate", "the optimizer trains: no contiguous parameters, which zero_grad now detaches"),
    ("data_loader.load_without_cuda", "no GPU: an ordinary data loader"),
    ("mixed_precision.use_device_autocast", "SOLVER.AMP on CPU and GPU, bf16 or fp16, with torch.amp"),
    ("metrics.wait_for_losses", "with a GPU: logged losses are those of the step"),
    ("metrics.print_steps_once", "a run of one or two steps ends without a division by zero"),
    ("training_errors.let_first_error_through", "a failing training run shows its own error and starts no evaluation"),
    ("evaluation.skip_compilation", "an evaluation compiles nothing and cannot end the process"),
    ("evaluation.rank_by_counting", "dcac_fastreid.evaluation.evaluate_rank ranks"),
)


def apply() -> None:
    """Applies every patch that this environment needs; a second call changes nothing.

    Raises: ImportError: fast-reid is not installed.
    """
    for patch, _ in PATCHES:
        module, function = patch.split(".")
        getattr(import_module(f"{__name__}.{module}"), function)()
