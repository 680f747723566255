"""Random streams: every person, camera, plan and image has one of its own.

So an image depends neither on the process that makes it nor on what was made before.
"""

import numpy as np

PERSON, CAMERA, PLAN, IMAGE = range(4)  # what a stream is for


def stream(seed: int, domain: int, purpose: int, *numbers: int) -> np.random.Generator:
    return np.random.default_rng((seed, domain, purpose, *numbers))
