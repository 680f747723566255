"""Do an exported encoder's features agree with PyTorch's? N probe images, D feature width."""

from typing import NamedTuple

from torch import Tensor
from torch.nn import functional

# An exported feature may turn by 0.8 degrees at most; float32 in another order of sums turns it by less than 0.1.
LEAST_COSINE = 0.9999
# Two images may change places in a ranking where PyTorch's own similarities (cosines) of them differ by this or less.
TIE = 1e-4
# An export's features are of length 1, so that their dot products are similarities; it may miss that by so much.
LENGTH_ERROR = 1e-4
ASKED = f"cosines of {LEAST_COSINE} and above, swaps up to {TIE:.0e}, lengths 1 ± {LENGTH_ERROR:.0e}"
# The similarities of a probe set must span so much, else nearly everything in its rankings is a tie.
LEAST_SPAN = 10 * TIE


class Agreement(NamedTuple):
    """Over the probe images, each of which ranks all the others."""

    probes: int
    least_cosine: float  # of an image's two features
    same_first: int  # probes whose most similar image is the same
    same_ranking: int  # probes that rank all the others alike
    worst_swap: float  # by how much PyTorch prefers an image that the export ranks behind another; 0: nowhere
    length_error: float  # of the export's features

    @property
    def agrees(self) -> bool:
        """False also where a feature is no number."""
        return self.least_cosine >= LEAST_COSINE and self.worst_swap <= TIE and self.length_error <= LENGTH_ERROR

    def __str__(self) -> str:
        return (
            f"cosines 1 - {max(0.0, 1 - self.least_cosine):.0e} and above, same first image {self.same_first} and same "
            f"ranking {self.same_ranking} of {self.probes}, worst swap {self.worst_swap:.0e}, lengths 1 ± {self.length_error:.0e}"
        )


def compare(expected: Tensor, exported: Tensor) -> Agreement:
    """Of features of the same images, (N, D) each; PyTorch's may be of any length; N >= 2."""
    length_error = (exported.double().norm(dim=1) - 1).abs().max().item()
    expected, exported = (functional.normalize(features.double()) for features in (expected, exported))
    similarities = _to_others(expected @ expected.T)
    own_order, order = (
        scores.argsort(dim=1, descending=True, stable=True)
        for scores in (similarities, _to_others(exported @ exported.T))
    )
    along = similarities.gather(1, order)  # PyTorch's similarities, in the export's order
    best_behind = along.flip(1).cummax(1).values.flip(1)
    same = own_order == order
    return Agreement(
        probes=len(expected),
        least_cosine=(expected * exported).sum(1).min().item(),
        same_first=int(same[:, 0].sum()),
        same_ranking=int(same.all(1).sum()),
        worst_swap=(best_behind - along).max().item(),
        length_error=length_error,
    )


def span(features: Tensor) -> float:
    """Between the most and the least similar two different images: the difference of their cosines. (N, D); N >= 3."""
    features = functional.normalize(features.double())
    similarities = _to_others(features @ features.T)
    return (similarities.max() - similarities.min()).item()


def _to_others(similarities: Tensor) -> Tensor:
    """(N, N) to (N, N - 1): without an image's similarity to itself."""
    count = len(similarities)
    return similarities.flatten()[1:].view(count - 1, count + 1)[:, :-1].reshape(count, count - 1)
