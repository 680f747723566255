"""Is the feedback dead, drowned or overwhelming? Said once of each, in plain words."""

# Norm of the diffusion gradient at the features by that of the Re-ID gradient.
DEAD = 1e-6  # below: in fp32, hardly more than rounding of the Re-ID gradient
DROWNED = 1e-3  # below: thousandfold less than what it is added to
OVERWHELMING = 10.0  # above: the Re-ID losses hardly count
CONSECUTIVE = 3  # samples in a row: a single one may be chance

ADVICE = {
    "dead": "the encoder trains as the baseline does; look at MODEL.DCAC.CONDITIONER (a class-wise condition with RESCALE True "
    "passes no gradient, one with a small TAU hardly any) and at MODEL.DCAC.LAMBDA",
    "drowned": "the encoder trains almost as the baseline does; look at MODEL.DCAC.LAMBDA, at MODEL.DCAC.CONDITIONER.TAU and at "
    "telemetry/condition_top1, near 1 where the probabilities are saturated",
    "overwhelming": "the Re-ID losses hardly count at the encoder; lower MODEL.DCAC.LAMBDA, or raise MODEL.DCAC.CONDITIONER.TAU",
}


class FeedbackVerdict:
    """Hears the gradient ratio of one sample after the other."""

    def __init__(self):
        self._kind: str | None = None
        self._count = 0
        self._said: set[str] = set()

    def hear(self, ratio: float) -> str | None:
        """What there is to say after this sample; None for nothing, or nothing new."""
        kind = _kind(ratio)
        self._count = self._count + 1 if kind == self._kind else 1
        self._kind = kind
        if kind is None or self._count < CONSECUTIVE or kind in self._said:
            return None
        self._said.add(kind)
        return (
            f"The diffusion feedback is {kind}: on {CONSECUTIVE} samples in a row, the last with a ratio of {ratio:.2g}, its "
            f"gradient at the features was {_bound(kind)} times the Re-ID gradient; {ADVICE[kind]}"
        )


def _kind(ratio: float) -> str | None:
    if ratio < DEAD:
        return "dead"
    if ratio < DROWNED:
        return "drowned"
    return "overwhelming" if ratio > OVERWHELMING else None


def _bound(kind: str) -> str:
    return {
        "dead": f"below {DEAD:g}",
        "drowned": f"below {DROWNED:g}",
        "overwhelming": f"above {OVERWHELMING:g}",
    }[kind]
