"""What becomes of every weight of a released checkpoint: the names of DCAC's authors and of CLIP-ReID, and ours."""

from typing import NamedTuple

TOWER, NECK = "backbone.tower.", "heads.bottleneck.0."
TRAINING_ONLY = "training alone reads it"
UNET = "feedback.denoiser.unet."


class Rule(NamedTuple):
    """What becomes of the weights whose names begin with a match of `pattern`; the first rule that matches counts."""

    pattern: str
    what: str
    target: str | None = None  # in the place of the match; None: dropped
    why: str = TRAINING_ONLY
    training_target: str | None = None  # as target, where the training side is asked for


class Released(NamedTuple):
    name: str
    mark: str  # how the names of its image tower begin
    rules: tuple[Rule, ...]
    note: str = ""


FORMATS = {
    "dcac": Released(
        "a checkpoint of DCAC's authors",
        "encoder.image_encoder.",
        (
            Rule(r"encoder\.image_encoder\.", "image tower", TOWER),
            Rule(r"encoder\.bnneck\.", "BNNeck", NECK),
            Rule(r"encoder\.fc\.weight$", "classifier", "heads.weight"),
            Rule(r"denoiser\.model\.prompt_emb\.prompt_emb$", "ID prompts", "conditioner.prompts"),
            Rule(r"encoder\.cam_emb$", "camera embedding", why="the authors' code tests without it too"),
            Rule(
                r"denoiser\.model\.prompt_emb\.condition_bottleneck\.",
                "transform of the condition",
                training_target="conditioner.transform.",
            ),
            Rule(
                r"denoiser\.model\.(?=.*\.lora_[AB]$)",
                "LoRA of the U-Net",
                why="it was trained beside the random q, k, v biases, and training alone reads it",
                training_target=UNET,
            ),
            Rule(
                r"denoiser\.model\.(?=.*\.to_[qkv]\.bias$)",
                "q, k, v biases",
                why="random and frozen; Stable Diffusion has none",
                training_target=UNET,
            ),
            Rule(r"denoiser\.model\.", "U-Net"),
            Rule(r"denoiser\.autoencoder\.", "VAE"),
            Rule(r"denoiser\.", "noise schedule"),
        ),
    ),
    "clip-reid": Released(
        "a checkpoint of CLIP-ReID",
        "image_encoder.",
        (
            Rule(r"image_encoder\.", "image tower", TOWER),
            Rule(r"bottleneck_proj\.", "BNNeck of the projected feature", NECK),
            Rule(r"classifier_proj\.weight$", "classifier of the projected feature", "heads.weight"),
            Rule(r"bottleneck\.", "BNNeck before the projection", why="only the projected feature is kept, see below"),
            Rule(r"classifier\.weight$", "classifier before the projection"),
            Rule(
                r"cv_embed$",
                "camera and view embedding",
                why="a target's cameras are others; CLIP-ReID tests with it, so its own figures differ",
            ),
            Rule(r"prompt_learner\.", "text prompts"),
            Rule(r"text_encoder\.", "text tower"),
        ),
        note=(
            "The features are not those that CLIP-ReID tests with: it concatenates the token before and after the projection "
            "(768 + 512 wide), in its person configs before the BNNecks; here it is the projected one after its BNNeck."
        ),
    ),
}
UNKNOWN = Rule("", "others", why="unknown to this converter")
