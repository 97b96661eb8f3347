"""Recipes: frozen training settings, and the table of presets.

A preset is a starting point; every field is also a flag of `train_accelerate.py`.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, field
from typing import Any

GENERATORS = ("dilated", "undilated", "context-encoder")
DISCRIMINATORS = ("pixels", "features")
HOLE_KINDS = ("rectangle", "rectangles", "border", "strokes", "folder", "spread", "object")


def _setting(default: Any, meaning: str) -> Any:
    return field(default=default, metadata={"help": meaning})


@dataclass(frozen=True)
class Recipe:
    """How a generator is trained. Checked when made: a `ValueError` names the field that cannot be."""

    dataset_name: str | None = _setting(None, "data set on the Hub, or a local folder")
    init_from: str | None = _setting(None, "weights to start from: a shipped name, a folder, or owner/model")
    generator: str = _setting(
        "dilated", "network to train: dilated, the paper's; undilated, the same without; context-encoder (Pathak 2016)"
    )
    discriminator: str = _setting(
        "pixels", "what the discriminator looks at: pixels, as the paper's, or features of a pretrained network"
    )
    local_discriminator: bool = _setting(True, "judge the hole's surroundings apart, too, as the paper does")
    resolution: int = _setting(32, "side of the square training images, px")
    resolution_schedule: str = _setting(
        "", "smaller sides to begin with, each up to a number of images seen: '64:400000'; holes scale along"
    )
    train_batch_size: int = _setting(64, "images per update, over all processes and accumulation steps")
    gradient_accumulation_steps: int = _setting(
        1, "pieces in which an update goes through its images, to save memory; batch norm sees one piece at a time"
    )
    num_train_epochs: int = _setting(10, "passes over the training split")
    holes: str = _setting(
        "rectangle", f"kinds of holes by weight, as in 'rectangle:1, strokes:2': {', '.join(HOLE_KINDS)}"
    )
    mask_dir: str | None = _setting(None, "folder of masks, white = hole, where the kind folder is among the holes")
    hole_min: int = _setting(8, "shortest side of a rectangle, px")
    hole_max: int = _setting(16, "longest side of a rectangle, px")
    crop_min: float = _setting(1.0, "smallest random crop, as a fraction of the short side; 1 is the centre square")
    flip: bool = _setting(True, "mirror half of the images left to right")
    optimizer: str = _setting("adam", "the generator's: adam, or muon")
    learning_rate: float = _setting(1e-3, "of the generator")
    discriminator_learning_rate: float = _setting(1e-4, "of the discriminator, always Adam")
    adam_beta1: float = _setting(0.9, "of both networks' Adam")
    adam_beta2: float = _setting(0.99, "of both networks' Adam")
    lr_warmup_images: int = _setting(6_400, "images over which the generator's rate rises to its full value")
    lr_decay_from: float = _setting(1.0, "fraction of the run from which that rate falls, linearly, to zero")
    reconstruct_over: str = _setting("hole", "where the reconstruction error counts: hole, or image")
    reconstruction_loss: str = _setting("mse", "of the prediction to the original: mse, or l1")
    perceptual_weight: float = _setting(
        0.0, "factor of the difference of pretrained features beside the reconstruction"
    )
    adversarial_loss: str = _setting("mse", "of the discriminator's scores: mse, cross-entropy, or hinge")
    adversarial_weight: float = _setting(1.0, "factor of the adversarial loss beside the reconstruction")
    joint: bool = _setting(
        False, "one update of each network: real and fake as one step, reconstruct and adversarial on one forward pass"
    )
    discriminator_from: float = _setting(0.0, "fraction of the run from which the discriminator trains")
    adversarial_from: float = _setting(0.0, "fraction of the run from which the generator meets it")
    interpolation: float = _setting(1.0, "share of the weights after the adversarial phase; the rest is those before")
    ema_half_life: int = _setting(10_000, "images after which old weights count half in the averaged generator")

    def __post_init__(self) -> None:
        mix = self.hole_mix()
        self.resolutions()
        rules = {
            "generator": self.generator in GENERATORS,
            "discriminator": self.discriminator in DISCRIMINATORS,
            "resolution_schedule": not self.resolution_schedule
            or (self.discriminator == "features" and self.generator != "context-encoder"),
            "resolution": self.resolution >= 16
            and (self.generator != "context-encoder" or self.resolution in (32, 64, 128)),
            "train_batch_size": self.train_batch_size >= 2,  # batch norm needs two
            "gradient_accumulation_steps": 1 <= self.gradient_accumulation_steps <= self.train_batch_size // 2,
            "num_train_epochs": self.num_train_epochs >= 1,
            "mask_dir": (self.mask_dir is not None) == ("folder" in mix),
            "hole_min": 1 <= self.hole_min <= self.hole_max,
            "hole_max": self.hole_max < self.resolution,  # a hole is never the whole image
            "crop_min": 0 < self.crop_min <= 1,
            "optimizer": self.optimizer in ("adam", "muon"),
            "learning_rate": self.learning_rate > 0,
            "discriminator_learning_rate": self.discriminator_learning_rate > 0,
            "adam_beta1": 0 <= self.adam_beta1 < 1,
            "adam_beta2": 0 <= self.adam_beta2 < 1,
            "lr_warmup_images": self.lr_warmup_images >= 0,
            "lr_decay_from": 0 <= self.lr_decay_from <= 1,
            "reconstruct_over": self.reconstruct_over in ("hole", "image"),
            "reconstruction_loss": self.reconstruction_loss in ("mse", "l1"),
            "perceptual_weight": self.perceptual_weight >= 0,
            "adversarial_loss": self.adversarial_loss in ("mse", "cross-entropy", "hinge"),
            "adversarial_weight": self.adversarial_weight >= 0,
            "discriminator_from": 0 <= self.discriminator_from <= 1,
            "adversarial_from": self.discriminator_from <= self.adversarial_from <= 1,
            "interpolation": 0 <= self.interpolation <= 1,
            "ema_half_life": self.ema_half_life > 0,
        }
        for name, holds in rules.items():
            if not holds:
                meaning = type(self).__dataclass_fields__[name].metadata["help"]
                raise ValueError(f"recipe has {name}={getattr(self, name)!r}, which cannot be; it is the {meaning}")

    def hole_mix(self) -> dict[str, float]:
        """The weight of each kind of hole, in the order of `holes`; one that is named without a weight has 1."""
        mix: dict[str, float] = {}
        for part in self.holes.split(","):
            kind, _, weight = (word.strip() for word in part.partition(":"))
            try:
                number = float(weight or 1)
            except ValueError:
                number = math.nan
            if kind not in HOLE_KINDS or kind in mix or not 0 < number < math.inf:
                raise ValueError(
                    f"recipe has holes={self.holes!r}, where {part.strip()!r} cannot be; write kinds of"
                    f" {', '.join(HOLE_KINDS)}, each once, with weights above zero: 'rectangle:1, strokes:0.5'"
                )
            mix[kind] = number
        return mix

    def resolutions(self) -> list[tuple[int, float]]:
        """The side of the training images in px up to each number of images seen, in order; the last has no end."""
        phases: list[tuple[int, float]] = []
        for part in filter(None, (part.strip() for part in self.resolution_schedule.split(","))):
            side, _, end = (word.strip() for word in part.partition(":"))
            if (
                not (side.isdecimal() and end.isdecimal())
                or int(side) < 16
                or int(end) <= (phases[-1][1] if phases else 0)
            ):
                raise ValueError(
                    f"resolution_schedule is {self.resolution_schedule!r}, where {part!r} does not fit; write sides of"
                    " 16 px or more, each up to a larger number of images: '32:100000, 64:400000'"
                )
            phases.append((int(side), int(end)))
        return [*phases, (self.resolution, math.inf)]

    def resolution_at(self, images_seen: int) -> int:
        """The side of the training images in px after `images_seen`."""
        return next(side for side, end in self.resolutions() if images_seen < end)

    def hole_sides_at(self, resolution: int) -> tuple[int, int]:
        """The shortest and longest side of a rectangle in px at a side of the training images; they scale along."""
        shortest, longest = (max(1, side * resolution // self.resolution) for side in (self.hole_min, self.hole_max))
        return shortest, longest

    def updates_at(self, progress: float) -> tuple[str, ...]:
        """The updates of an iteration, in order, at `progress` 0..1 through the run.

        Before `discriminator_from` the generator learns alone; until `adversarial_from` the
        discriminator alone; then both, as the four updates of the paper's Section IV-B or with those of
        each network as one (Iizuka et al. 2017, Algorithm 1).
        """
        if progress < self.discriminator_from:
            return ("reconstruct",)
        if progress < self.adversarial_from:
            return ("discriminate",) if self.joint else ("real", "fake")
        return ("discriminate", "joint") if self.joint else ("reconstruct", "real", "fake", "adversarial")

    def learning_rate_at(self, images_seen: int, total_images: int) -> float:
        """The generator's learning rate: a linear rise, a plateau, a linear fall to zero.

        The plateau does not depend on `total_images`, so a run can be lengthened while it is on it.
        """
        rise = min(1.0, (images_seen + 1) / max(1, self.lr_warmup_images))
        left = 1 - images_seen / total_images
        fall = min(1.0, max(0.0, left) / max(1e-9, 1 - self.lr_decay_from)) if self.lr_decay_from < 1 else 1.0
        return self.learning_rate * min(rise, fall)

    def replace(self, **changes: Any) -> Recipe:
        """A copy with the given fields changed, checked again."""
        return dataclasses.replace(self, **changes)

    def to_dict(self) -> dict[str, Any]:
        """Every field by name, all of them JSON types; `Recipe(**recipe.to_dict())` is the recipe again."""
        return dataclasses.asdict(self)


SMALL_PHOTOS: dict[str, Any] = {
    "init_from": "cifar10",
    "train_batch_size": 16,
    "hole_min": 16,
    "hole_max": 36,
    "optimizer": "muon",
    "learning_rate": 7e-4,
    "lr_warmup_images": 1_600,
    "lr_decay_from": 0.5,
    "adam_beta1": 0.5,
    "adversarial_loss": "cross-entropy",
    "adversarial_weight": 0.004,
    "joint": True,
    "discriminator_from": 0.72,
    "adversarial_from": 0.75,
    "interpolation": 0.4,
    "ema_half_life": 2_000,
}

# What the shipped checkpoint began with: reconstruct first, then both with a small adversarial weight
# (Iizuka et al. 2017, Section 4, has 4e-4), as one update on one forward pass.
CIFAR10 = Recipe(
    dataset_name="uoft-cs/cifar10",
    num_train_epochs=7,
    optimizer="muon",
    learning_rate=1e-3,
    lr_warmup_images=1_600,  # the shipped weights had 6,400: 1.4 dB less after 2,000 images
    lr_decay_from=0.5,
    adam_beta1=0.5,
    adversarial_loss="cross-entropy",
    adversarial_weight=0.004,
    joint=True,
    discriminator_from=0.80,
    adversarial_from=0.82,
    interpolation=0.4,  # the sharpest that stays 1 dB above biharmonic filling; 1.0 is sharper, and 1 dB lower
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
    "cifar10": CIFAR10,
    # Pathak et al. 2016: L2 and an adversarial loss, whose judge sees the whole image. Else as `cifar10`, to compare.
    "context-encoder": CIFAR10.replace(generator="context-encoder", local_discriminator=False),
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
    # The first releases at 64 px: from the weights of cifar10, in an afternoon of one core each.
    "scenes": Recipe(resolution=64, crop_min=0.42, num_train_epochs=11, **SMALL_PHOTOS),
    "faces": Recipe(resolution=64, num_train_epochs=12, **SMALL_PHOTOS),
    # Sharp fills of photos: an L1 error, a perceptual loss and a discriminator on pretrained features, from the first
    # image on, from random weights. The rate stays where it is until the last fifth, so that a run can be lengthened.
    "photos": Recipe(
        discriminator="features",
        resolution=128,
        resolution_schedule="64:400000",
        train_batch_size=32,
        num_train_epochs=38,
        holes="rectangle:1, strokes:1, object:1",
        hole_min=32,
        hole_max=72,
        crop_min=0.42,
        optimizer="muon",
        learning_rate=5e-4,
        lr_warmup_images=6_400,
        lr_decay_from=0.8,
        discriminator_learning_rate=4e-4,
        adam_beta1=0.0,
        reconstruction_loss="l1",
        perceptual_weight=0.6,
        adversarial_loss="hinge",
        adversarial_weight=0.1,
        joint=True,
        ema_half_life=10_000,
    ),
}
