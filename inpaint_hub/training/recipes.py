"""Recipes: frozen training settings, and the table of presets.

A preset is a starting point; every field is also a flag of `train_accelerate.py`.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from types import NoneType
from typing import Any

from ..data import HOLE_KINDS
from .losses import ADVERSARIAL_LOSSES, RECONSTRUCTION_LOSSES


def _setting(default: Any, meaning: str) -> Any:
    return field(default=default, metadata={"help": meaning})


@dataclass(frozen=True)
class Recipe:
    """How a generator is trained. Checked when made: a `ValueError` names the field, and what it must be."""

    dataset_name: str | None = _setting(None, "data set on the Hub, or a local folder")
    init_from: str | None = _setting(None, "weights to start from: a shipped name, a folder, or owner/model")
    generator: str = _setting(
        "dilated",
        "network to train: dilated, the paper's; undilated, without dilation; context-encoder (Pathak et al. 2016)",
    )
    discriminator: str = _setting(
        "pixels", "input of the discriminator: pixels, as in the paper, or features of a pretrained network"
    )
    local_discriminator: bool = _setting(True, "local discriminator beside the global one, as in the paper")
    resolution: int = _setting(32, "side of the square training images, px")
    resolution_schedule: str = _setting(
        "",
        "smaller sides at the start, each up to a number of images seen: '32:100000, 64+128:400000', where updates of"
        " 64 and 128 px take turns; holes scale with them",
    )
    train_batch_size: int = _setting(64, "images per update, over all processes and accumulation steps")
    gradient_accumulation_steps: int = _setting(
        1, "pieces into which an update splits its images, to save memory; batch norm is over one piece at a time"
    )
    num_train_epochs: int = _setting(10, "passes over the training split")
    holes: str = _setting(
        "rectangle", f"kinds of holes by weight, as in 'rectangle:1, strokes:2': {', '.join(HOLE_KINDS)}"
    )
    mask_dir: str | None = _setting(None, "folder of masks, white = hole, for holes of the kind folder")
    hole_min: int = _setting(8, "shortest side of a rectangle, px")
    hole_max: int = _setting(16, "longest side of a rectangle, px")
    crop_min: float = _setting(1.0, "smallest random crop, as a fraction of the short side; 1 is the centre square")
    flip: bool = _setting(True, "mirroring of half of the images left to right")
    optimizer: str = _setting("adam", "optimizer of the generator: adam, or muon")
    learning_rate: float = _setting(1e-3, "learning rate of the generator")
    discriminator_learning_rate: float = _setting(1e-4, "learning rate of the discriminator's Adam")
    adam_beta1: float = _setting(0.9, "first beta of both networks' Adam")
    adam_beta2: float = _setting(0.99, "second beta of both networks' Adam")
    lr_warmup_images: int = _setting(6_400, "images over which the generator's learning rate rises from zero")
    lr_decay_from: float = _setting(1.0, "fraction of the run from which that rate falls linearly to zero")
    reconstruct_over: str = _setting("hole", "pixels that the reconstruction loss is over: hole, or image")
    reconstruction_loss: str = _setting("mse", f"reconstruction loss: {', '.join(RECONSTRUCTION_LOSSES)}")
    perceptual_weight: float = _setting(0.0, "weight of the perceptual loss; the reconstruction loss has weight 1")
    adversarial_loss: str = _setting("mse", f"adversarial loss: {', '.join(ADVERSARIAL_LOSSES)}")
    adversarial_weight: float = _setting(1.0, "weight of the adversarial loss; the reconstruction loss has weight 1")
    diffaugment: bool = _setting(
        False, "DiffAugment: random colors and shifts of what the discriminator sees, for small data sets"
    )
    joint: bool = _setting(
        False, "one update of each network: real and fake together, reconstruct and adversarial together"
    )
    discriminator_from: float = _setting(0.0, "fraction of the run from which the discriminator trains")
    adversarial_from: float = _setting(0.0, "fraction of the run from which the generator has the adversarial loss")
    interpolation: float = _setting(1.0, "share of the weights of after the adversarial phase in the mix with before")
    batchnorm_frozen_from: float = _setting(
        1.0, "fraction of the run from which the generator's batch norm keeps the statistics it has, as in inference"
    )
    gradient_clip: float = _setting(0.0, "largest norm of an update's gradient; 0 leaves it as it is")
    ema_half_life: int = _setting(10_000, "images after which old weights count half in the averaged generator")

    def __post_init__(self) -> None:
        for setting in dataclasses.fields(self):
            value, (kinds, needed) = getattr(self, setting.name), KINDS[str(setting.type)]
            if not isinstance(value, kinds) or isinstance(value, bool) != (kinds is bool):
                self._refuse(setting.name, needed)
            if isinstance(value, float) and not math.isfinite(value):
                self._refuse(setting.name, "finite")
        self.hole_mix()
        self.resolutions()
        for name, choices in CHOICES.items():
            if getattr(self, name) not in choices:
                self._refuse(name, f"one of {', '.join(choices)}")
        for name, needed, holds in RULES:
            if not holds(self):
                self._refuse(name, needed)

    def _refuse(self, name: str, needed: str) -> None:
        meaning = type(self).__dataclass_fields__[name].metadata["help"]
        raise ValueError(f"{name} is {getattr(self, name)!r}; it must be {needed} ({meaning.partition(':')[0]})")

    def hole_mix(self) -> dict[str, float]:
        """Parse `holes`: the weight of each kind, in order; a kind without a weight has 1.

        Raises:
            ValueError: A kind is unknown or named twice, or a weight is not above 0.
        """
        mix: dict[str, float] = {}
        for part in self.holes.split(","):
            kind, _, weight = (word.strip() for word in part.partition(":"))
            try:
                number = float(weight or 1)
            except ValueError:
                number = math.nan
            if kind not in HOLE_KINDS or kind in mix or not 0 < number < math.inf:
                raise ValueError(
                    f"holes is {self.holes!r}, where {part.strip()!r} does not fit; write kinds of"
                    f" {', '.join(HOLE_KINDS)}, each once, with weights above zero: 'rectangle:1, strokes:0.5'"
                )
            mix[kind] = number
        return mix

    def resolutions(self) -> list[tuple[tuple[int, ...], float]]:
        """Parse `resolution_schedule`: sides in px that take turns, with the number of images seen at which they end.

        Raises:
            ValueError: A part of it does not fit.
        """
        phases: list[tuple[tuple[int, ...], float]] = []
        for part in filter(None, (part.strip() for part in self.resolution_schedule.split(","))):
            sides, _, until = part.partition(":")
            try:
                phase = tuple(map(int, sides.split("+"))), int(until)
                fits = min(phase[0]) >= 16 and phase[1] > (phases[-1][1] if phases else 0)
            except ValueError:
                fits = False
            if not fits:
                raise ValueError(
                    f"resolution_schedule is {self.resolution_schedule!r}, where {part!r} does not fit; write sides of"
                    " 16 px or more, + between two, each up to a larger number of images: '32:100000, 64+128:400000'"
                )
            phases.append(phase)
        return [*phases, ((self.resolution,), math.inf)]

    def resolutions_at(self, images_seen: int) -> tuple[int, ...]:
        """Return the sides of the training images in px, which take turns, after a number of images seen."""
        return next(sides for sides, end in self.resolutions() if images_seen < end)

    def resolution_at(self, images_seen: int) -> int:
        """Return the side of the training images in px of the update that begins after a number of images seen."""
        sides = self.resolutions_at(images_seen)
        return sides[images_seen // self.train_batch_size % len(sides)]

    def hole_sides_at(self, resolution: int) -> tuple[int, int]:
        """Scale `hole_min` and `hole_max`, in px, to a side of the training images."""
        shortest, longest = (max(1, side * resolution // self.resolution) for side in (self.hole_min, self.hole_max))
        return shortest, longest

    def updates_at(self, progress: float) -> tuple[str, ...]:
        """List the updates of an iteration, in order.

        Before `discriminator_from` only the generator is trained; until `adversarial_from` only the discriminator; then
        both, with the four updates of the paper's Section IV-B, or with one for each network (Iizuka et al. 2017,
        Algorithm 1).

        Args:
            progress: The share of the run that is done, in 0..1.

        Returns:
            Names of `train_step.UPDATES`.
        """
        if progress < self.discriminator_from:
            return ("reconstruct",)
        if progress < self.adversarial_from:
            return ("discriminate",) if self.joint else ("real", "fake")
        return ("discriminate", "joint") if self.joint else ("reconstruct", "real", "fake", "adversarial")

    def learning_rate_at(self, images_seen: int, total_images: int) -> float:
        """Compute the generator's learning rate: it rises linearly, stays, and falls linearly to zero.

        While it stays it does not depend on the length of the run, so that a run can be lengthened.

        Args:
            images_seen: The images that the run has seen.
            total_images: The length of the run.

        Returns:
            The learning rate.
        """
        rise = min(1.0, (images_seen + 1) / max(1, self.lr_warmup_images))
        left = 1 - images_seen / total_images
        fall = min(1.0, max(0.0, left) / max(1e-9, 1 - self.lr_decay_from)) if self.lr_decay_from < 1 else 1.0
        return self.learning_rate * min(rise, fall)

    def replace(self, **changes: Any) -> Recipe:
        """Copy the recipe with some fields changed, and check it again."""
        return dataclasses.replace(self, **changes)

    def to_dict(self) -> dict[str, Any]:
        """Return all fields by name, as JSON types; `Recipe(**recipe.to_dict())` is the recipe again."""
        return dataclasses.asdict(self)


# What a field of each type takes, from Python as from a recipe.json, and how that is called.
KINDS: dict[str, tuple[Any, str]] = {
    "str": (str, "text"),
    "str | None": ((str, NoneType), "text, or nothing"),
    "bool": (bool, "true or false"),
    "int": (int, "a whole number"),
    "float": ((int, float), "a number"),
}
CHOICES: dict[str, tuple[str, ...]] = {
    "generator": ("dilated", "undilated", "context-encoder"),
    "discriminator": ("pixels", "features"),
    "optimizer": ("adam", "muon"),
    "reconstruct_over": ("hole", "image"),
    "reconstruction_loss": tuple(RECONSTRUCTION_LOSSES),
    "adversarial_loss": tuple(ADVERSARIAL_LOSSES),
}
Rule = tuple[str, str, Callable[[Recipe], bool]]
# What the fields must be beside that, and with what others they fit.
RULES: tuple[Rule, ...] = (
    ("resolution", "an even number of 16 or more", lambda r: r.resolution >= 16 and r.resolution % 2 == 0),
    (
        "resolution",
        "32, 64 or 128 for the context encoder",
        lambda r: r.generator != "context-encoder" or r.resolution in (32, 64, 128),
    ),
    (
        "resolution_schedule",
        "empty unless --discriminator is features and --generator dilated or undilated, which take any size",
        lambda r: not r.resolution_schedule or (r.discriminator == "features" and r.generator != "context-encoder"),
    ),
    (
        "resolution_schedule",
        "of sides of at most --resolution: say others, or --resolution_schedule '' for that one size from the start",
        lambda r: all(max(sides) <= r.resolution for sides, _ in r.resolutions()),
    ),
    ("train_batch_size", "2 or more, since batch norm needs two", lambda r: r.train_batch_size >= 2),
    (
        "gradient_accumulation_steps",
        "at least 1, and at most half of --train_batch_size",
        lambda r: 1 <= r.gradient_accumulation_steps <= r.train_batch_size // 2,
    ),
    ("num_train_epochs", "1 or more", lambda r: r.num_train_epochs >= 1),
    (
        "mask_dir",
        "given if and only if --holes has the kind folder",
        lambda r: (r.mask_dir is not None) == ("folder" in r.hole_mix()),
    ),
    ("hole_min", "at least 1, and at most --hole_max", lambda r: 1 <= r.hole_min <= r.hole_max),
    ("hole_max", "below --resolution: a hole is never the whole image", lambda r: r.hole_max < r.resolution),
    ("crop_min", "above 0 and at most 1", lambda r: 0 < r.crop_min <= 1),
    ("learning_rate", "above 0", lambda r: r.learning_rate > 0),
    ("discriminator_learning_rate", "above 0", lambda r: r.discriminator_learning_rate > 0),
    ("adam_beta1", "at least 0 and below 1", lambda r: 0 <= r.adam_beta1 < 1),
    ("adam_beta2", "at least 0 and below 1", lambda r: 0 <= r.adam_beta2 < 1),
    ("lr_warmup_images", "0 or more", lambda r: r.lr_warmup_images >= 0),
    ("lr_decay_from", "between 0 and 1", lambda r: 0 <= r.lr_decay_from <= 1),
    ("perceptual_weight", "0 or more", lambda r: r.perceptual_weight >= 0),
    ("adversarial_weight", "0 or more", lambda r: r.adversarial_weight >= 0),
    ("discriminator_from", "between 0 and 1", lambda r: 0 <= r.discriminator_from <= 1),
    (
        "adversarial_from",
        "at least --discriminator_from, and at most 1",
        lambda r: r.discriminator_from <= r.adversarial_from <= 1,
    ),
    ("batchnorm_frozen_from", "between 0 and 1", lambda r: 0 <= r.batchnorm_frozen_from <= 1),
    (
        "interpolation",
        "1 unless --batchnorm_frozen_from is 1: statistics that are kept are of the weights after the phase",
        lambda r: r.interpolation == 1 or r.batchnorm_frozen_from == 1,
    ),
    ("interpolation", "between 0 and 1", lambda r: 0 <= r.interpolation <= 1),
    ("gradient_clip", "0 or more", lambda r: r.gradient_clip >= 0),
    ("ema_half_life", "above 0", lambda r: r.ema_half_life > 0),
)

# Sharp fills of photos: an L1 error, a perceptual loss and a discriminator on pretrained features, from the first
# image on, from random weights. The rate stays where it is until the last part, so that a run can be lengthened.
PHOTOS = Recipe(
    discriminator="features",
    resolution=128,
    resolution_schedule="64:350500, 64+128:600000",  # in turns, so that it forgets neither
    train_batch_size=256,
    num_train_epochs=30,
    holes="rectangle:1, strokes:1, object:1",
    hole_min=32,
    hole_max=72,
    crop_min=0.42,
    optimizer="muon",
    learning_rate=1e-3,
    lr_warmup_images=25_600,
    lr_decay_from=0.8333,
    discriminator_learning_rate=4e-4,
    adam_beta1=0.0,
    reconstruction_loss="l1",
    perceptual_weight=0.6,
    adversarial_loss="hinge",
    adversarial_weight=0.1,
    joint=True,
    ema_half_life=20_000,
)

PRESETS: dict[str, Recipe] = {
    # S. Nalla, "Image Inpainting using GANs", Section IV: CIFAR-10, four updates an iteration, all of
    # them MSE, from the first image on. It gives no optimiser settings: these are Adam's usual ones.
    "paper": Recipe(
        dataset_name="uoft-cs/cifar10",
        learning_rate=1e-3,
        adam_beta1=0.9,
        adam_beta2=0.999,
        lr_warmup_images=0,
        reconstruct_over="image",
        adversarial_loss="mse",
        adversarial_weight=1.0,
    ),
    # Pathak et al. 2016: L2 and an adversarial loss, whose judge sees the whole image. First reconstruction alone, then
    # both with a small adversarial weight (Iizuka et al. 2017, Section 4, has 4e-4), as one update on one forward pass.
    "context-encoder": Recipe(
        dataset_name="uoft-cs/cifar10",
        generator="context-encoder",
        local_discriminator=False,
        num_train_epochs=7,
        optimizer="muon",
        learning_rate=1e-3,
        lr_warmup_images=1_600,
        lr_decay_from=0.5,
        adam_beta1=0.5,
        adversarial_loss="cross-entropy",
        adversarial_weight=0.004,
        joint=True,
        discriminator_from=0.80,
        adversarial_from=0.82,
        interpolation=0.4,  # the sharpest that stays near its best PSNR; 1.0 is sharper, and 1 dB lower
    ),
    # Iizuka et al. 2017, Section 4: crops of photos, three phases of 90,000, 10,000 and 400,000
    # iterations; Adadelta, whose rate has no scale to be set, is Adam here.
    "glcic": Recipe(
        resolution=256,
        crop_min=256 / 384,
        train_batch_size=96,
        hole_min=96,
        hole_max=128,
        learning_rate=2e-4,
        adversarial_loss="cross-entropy",
        adversarial_weight=4e-4,
        joint=True,
        discriminator_from=0.18,
        adversarial_from=0.20,
    ),
    "photos": PHOTOS,
    "faces": PHOTOS.replace(
        holes="rectangle:1, strokes:1",
        crop_min=0.6,
        resolution_schedule="64:270000, 64+128:1000000",
        train_batch_size=128,
        num_train_epochs=64,
        learning_rate=7e-4,
        lr_warmup_images=12_800,
        adversarial_weight=0.08,
        batchnorm_frozen_from=0.8333,  # of the two sides, which the network then learns to live with
        ema_half_life=10_000,
    ),
    # From published weights on, also without a GPU: batch norm keeps their statistics, and the new discriminator learns
    # first, alone.
    "finetune": PHOTOS.replace(
        init_from="photos",
        resolution_schedule="64+128:1000000",
        train_batch_size=32,
        num_train_epochs=4,
        learning_rate=5e-4,
        lr_warmup_images=6_400,
        lr_decay_from=0.5,
        adversarial_from=0.0457,  # 96 of the 2,100 updates that `photos` was finished with
        adversarial_weight=0.12,
        batchnorm_frozen_from=0.0,
        ema_half_life=10_000,
    ),
    "cifar10": PHOTOS.replace(
        dataset_name="uoft-cs/cifar10",
        resolution=32,
        resolution_schedule="",
        train_batch_size=64,
        num_train_epochs=6,
        holes="rectangle",
        hole_min=8,
        hole_max=16,
        crop_min=1.0,
        learning_rate=7e-4,
        lr_warmup_images=6_400,
        lr_decay_from=0.75,
        adversarial_weight=0.06,
        ema_half_life=10_000,
    ),
}
