"""Recipes: frozen training settings, and the table of presets.

A preset is a starting point; every field is also a flag of `train_accelerate.py`.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from ..data.holes import KINDS
from .losses import ADVERSARIAL_LOSSES, RECONSTRUCTION_LOSSES

GENERATORS = ("dilated", "undilated", "context-encoder")
DISCRIMINATORS = ("pixels", "features")
OPTIMIZERS = ("adam", "muon")


def _setting(default: Any, meaning: str) -> Any:
    return field(default=default, metadata={"help": meaning})


def _one_of(value: str, choices: Iterable[str]) -> tuple[bool, str]:
    return value in choices, f"one of {', '.join(choices)}"


def _fraction(value: float) -> tuple[bool, str]:
    return 0 <= value <= 1, "0 to 1"


@dataclass(frozen=True)
class Recipe:
    """The settings of a training run; each field's `help` says what it is.

    Raises:
        ValueError: A value is out of its range.
    """

    dataset_name: str | None = _setting(None, "data set on the Hub, or a local folder")
    init_from: str | None = _setting(None, "weights to start from: a shipped name, a folder, or owner/model")
    generator: str = _setting(
        "dilated",
        "network to train: dilated, the paper's; undilated, without dilation; context-encoder (Pathak et al. 2016)",
    )
    discriminator: str = _setting(
        "pixels", "input of the discriminator: pixels, as in the paper, or features of a pretrained network"
    )
    local_discriminator: bool = _setting(True, "whether there is a local discriminator, as in the paper")
    resolution: int = _setting(32, "side of the square training images, px")
    resolution_schedule: str = _setting(
        "", "smaller sides at the start, each up to a number of images seen, as in '64:400000'; holes scale with them"
    )
    train_batch_size: int = _setting(64, "images per update, over all processes and accumulation steps")
    gradient_accumulation_steps: int = _setting(
        1, "pieces into which an update splits its images, to save memory; batch norm is over one piece at a time"
    )
    num_train_epochs: int = _setting(10, "passes over the training split")
    holes: str = _setting("rectangle", f"kinds of holes by weight, as in 'rectangle:1, strokes:2': {', '.join(KINDS)}")
    mask_dir: str | None = _setting(None, "folder of masks, white = hole, for holes of the kind folder")
    hole_min: int = _setting(8, "shortest side of a rectangle, px")
    hole_max: int = _setting(16, "longest side of a rectangle, px")
    crop_min: float = _setting(1.0, "smallest random crop, as a fraction of the short side; 1 is the centre square")
    flip: bool = _setting(True, "whether to mirror half of the images left to right")
    optimizer: str = _setting("adam", f"optimiser of the generator: {', '.join(OPTIMIZERS)}")
    learning_rate: float = _setting(1e-3, "learning rate of the generator")
    discriminator_learning_rate: float = _setting(1e-4, "learning rate of the discriminator, which has Adam")
    adam_beta1: float = _setting(0.9, "beta1 of Adam, for both networks")
    adam_beta2: float = _setting(0.99, "beta2 of Adam, for both networks")
    lr_warmup_images: int = _setting(6_400, "images over which the generator's learning rate rises from zero")
    lr_decay_from: float = _setting(1.0, "fraction of the run from which that rate falls linearly to zero")
    reconstruct_over: str = _setting("hole", "pixels that the reconstruction loss is over: hole, or image")
    reconstruction_loss: str = _setting("mse", f"loss of the prediction: {', '.join(RECONSTRUCTION_LOSSES)}")
    perceptual_weight: float = _setting(0.0, "weight of the perceptual loss; the reconstruction loss has weight 1")
    adversarial_loss: str = _setting("mse", f"loss of the discriminator's scores: {', '.join(ADVERSARIAL_LOSSES)}")
    adversarial_weight: float = _setting(1.0, "weight of the adversarial loss; the reconstruction loss has weight 1")
    joint: bool = _setting(
        False, "whether each network has one update: real and fake together, reconstruct and adversarial together"
    )
    discriminator_from: float = _setting(0.0, "fraction of the run from which the discriminator trains")
    adversarial_from: float = _setting(0.0, "fraction of the run from which the generator has the adversarial loss")
    interpolation: float = _setting(
        1.0, "share of the weights from after the adversarial phase; the rest is from before it"
    )
    ema_half_life: int = _setting(10_000, "images after which old weights count half in the averaged generator")

    def __post_init__(self) -> None:
        for name, (holds, requirement) in self._rules().items():
            if not holds:
                meaning = type(self).__dataclass_fields__[name].metadata["help"]
                raise ValueError(f"{name} is {getattr(self, name)!r}; it must be {requirement} ({meaning})")

    def _rules(self) -> dict[str, tuple[bool, str]]:
        """For each field that has a rule: whether it holds, and what it asks for."""
        mix = self.hole_mix()
        self.resolutions()
        encoder, half_batch = self.generator == "context-encoder", self.train_batch_size // 2
        return {
            "generator": _one_of(self.generator, GENERATORS),
            "discriminator": _one_of(self.discriminator, DISCRIMINATORS),
            "resolution_schedule": (
                not self.resolution_schedule or (self.discriminator == "features" and not encoder),
                "empty unless discriminator is features and generator is not context-encoder",
            ),
            "resolution": (
                self.resolution in (32, 64, 128) if encoder else self.resolution >= 16,
                "32, 64 or 128 for a context encoder" if encoder else "16 or more",
            ),
            "train_batch_size": (self.train_batch_size >= 2, "2 or more, because of batch norm"),
            "gradient_accumulation_steps": (
                1 <= self.gradient_accumulation_steps <= half_batch,
                f"1 to {half_batch}, half of train_batch_size",
            ),
            "num_train_epochs": (self.num_train_epochs >= 1, "1 or more"),
            "mask_dir": (
                (self.mask_dir is not None) == ("folder" in mix),
                "given if, and only if, the kind folder is among the holes",
            ),
            "hole_min": (1 <= self.hole_min <= self.hole_max, f"1 to {self.hole_max}, which is hole_max"),
            "hole_max": (self.hole_max < self.resolution, f"below {self.resolution}, which is the resolution"),
            "crop_min": (0 < self.crop_min <= 1, "above 0 and at most 1"),
            "optimizer": _one_of(self.optimizer, OPTIMIZERS),
            "learning_rate": (self.learning_rate > 0, "above 0"),
            "discriminator_learning_rate": (self.discriminator_learning_rate > 0, "above 0"),
            "adam_beta1": (0 <= self.adam_beta1 < 1, "0 or more and below 1"),
            "adam_beta2": (0 <= self.adam_beta2 < 1, "0 or more and below 1"),
            "lr_warmup_images": (self.lr_warmup_images >= 0, "0 or more"),
            "lr_decay_from": _fraction(self.lr_decay_from),
            "reconstruct_over": _one_of(self.reconstruct_over, ("hole", "image")),
            "reconstruction_loss": _one_of(self.reconstruction_loss, RECONSTRUCTION_LOSSES),
            "perceptual_weight": (self.perceptual_weight >= 0, "0 or more"),
            "adversarial_loss": _one_of(self.adversarial_loss, ADVERSARIAL_LOSSES),
            "adversarial_weight": (self.adversarial_weight >= 0, "0 or more"),
            "discriminator_from": _fraction(self.discriminator_from),
            "adversarial_from": (
                self.discriminator_from <= self.adversarial_from <= 1,
                f"{self.discriminator_from} to 1; it starts at discriminator_from",
            ),
            "interpolation": _fraction(self.interpolation),
            "ema_half_life": (self.ema_half_life > 0, "above 0"),
        }

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
            if kind not in KINDS or kind in mix or not 0 < number < math.inf:
                raise ValueError(
                    f"holes is {self.holes!r}, and {part.strip()!r} in it is not understood; write kinds of"
                    f" {', '.join(KINDS)}, each once, with weights above 0: 'rectangle:1, strokes:0.5'"
                )
            mix[kind] = number
        return mix

    def resolutions(self) -> list[tuple[int, float]]:
        """Parse `resolution_schedule`.

        Returns:
            Sides in px, each with the number of images seen at which it ends; the last one is `resolution`.

        Raises:
            ValueError: A side or a number of images does not fit.
        """
        phases: list[tuple[int, float]] = []
        for part in filter(None, (part.strip() for part in self.resolution_schedule.split(","))):
            side, _, end = (word.strip() for word in part.partition(":"))
            if (
                not (side.isdecimal() and end.isdecimal())
                or int(side) < 16
                or int(end) <= (phases[-1][1] if phases else 0)
            ):
                raise ValueError(
                    f"resolution_schedule is {self.resolution_schedule!r}, and {part!r} in it does not fit; write sides"
                    " of 16 px or more, each up to a larger number of images: '32:100000, 64:400000'"
                )
            phases.append((int(side), int(end)))
        return [*phases, (self.resolution, math.inf)]

    def resolution_at(self, images_seen: int) -> int:
        """Give the side of the training images in px after `images_seen`."""
        return next(side for side, end in self.resolutions() if images_seen < end)

    def hole_sides_at(self, resolution: int) -> tuple[int, int]:
        """Scale `hole_min` and `hole_max` to a side of the training images, in px."""
        shortest, longest = (max(1, side * resolution // self.resolution) for side in (self.hole_min, self.hole_max))
        return shortest, longest

    def updates_at(self, progress: float) -> tuple[str, ...]:
        """List the updates of an iteration, in order.

        Before `discriminator_from` only the generator is trained; until `adversarial_from` only the discriminator; then
        both, with the four updates of the paper's Section IV-B, or one for each network (Iizuka et al. 2017,
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

        While it stays it does not depend on `total_images`, so that a run can be lengthened.

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
