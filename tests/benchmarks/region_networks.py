"""The two networks that see regions, as they are trained: see ``train_region_networks.py``.

Their encoders are the first blocks of EfficientNet-Lite0 (Tan & Le 2019, ICML; without squeeze-and-excitation, with
ReLU6). The package runs them by ``segment/segmenter/regions/region_networks.py``.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  its usual name

RADII = (1, 3, 6, 10)  # pixels: half of the distances
DIRECTIONS = ((0, 1), (1, 1), (1, 0), (1, -1))
OFFSETS = [
    (round(radius * down / math.hypot(down, across)), round(radius * across / math.hypot(down, across)))
    for radius in RADII
    for down, across in DIRECTIONS
]
MULTIPLE = 32  # the sides of what the networks see are multiples of this
N_DESCRIPTORS = 16
DROPOUT = 0.2
MIN_ROUNDED = 9000  # weights of a layer that is rounded
MIN_ROUNDED_WINDOWS = 2000  # the same of windows of single channels


@dataclass(frozen=True)
class Plan:
    """What distinguishes a network.

    Attributes
    ----------
    n_blocks : int
        Of the encoder.
    n_fine : int
        Channels of the decoder at half the size.
    describes : bool
        Whether descriptors are learned too; the borders then only help to learn them.
    n_levels, n_deep_levels, n_window_levels : int
        Steps on either side of 0 to which weights are rounded, of most layers, of the blocks from 11 on, which have the
        most weights, and of windows of single channels (0: these are kept in 16 bits).
    is_rounded_early : bool
        Whether weights are rounded already while they are learned.
    zooms : tuple of float
        The range of the zoom of training images.
    n_steps : int
    """

    n_blocks: int
    n_fine: int
    describes: bool
    n_levels: int
    n_deep_levels: int
    n_window_levels: int
    is_rounded_early: bool
    zooms: tuple[float, float]
    n_steps: int


PLANS = {
    "border": Plan(11, 24, False, 127, 127, 0, False, (0.85, 1.8), 11_000),
    "descriptor": Plan(16, 16, True, 15, 7, 127, True, (0.75, 1.6), 2530),
}

# Of the trunk's blocks: the size of the window, stride, expansion, and channels in and out.
BLOCKS = (
    (3, 1, 1, 32, 16),
    (3, 2, 6, 16, 24),
    (3, 1, 6, 24, 24),
    (5, 2, 6, 24, 40),
    (5, 1, 6, 40, 40),
    (3, 2, 6, 40, 80),
    (3, 1, 6, 80, 80),
    (3, 1, 6, 80, 80),
    (5, 1, 6, 80, 112),
    (5, 1, 6, 112, 112),
    (5, 1, 6, 112, 112),
    (5, 2, 6, 112, 192),
    (5, 1, 6, 192, 192),
    (5, 1, 6, 192, 192),
    (5, 1, 6, 192, 192),
    (3, 1, 6, 192, 320),
)
FIRST_DEEP = 11
LAST_OF_SIZE = ("b0", "b2", "b4", "b10", "b15")  # blocks after which the size is a half to a thirty-second


class RoundedConvolution(nn.Conv2d):
    """A convolution whose weights are few multiples of a unit, one for each output; gradients pass the rounding by."""

    n_levels: int

    def forward(self, x: Tensor) -> Tensor:
        weight = self.weight.detach()
        unit = (weight.abs().amax((1, 2, 3), keepdim=True) / self.n_levels).clamp(min=1e-12)
        return self._conv_forward(x, self.weight + ((weight / unit).round() * unit - weight), self.bias)


def make_trunk_layer(
    n_in: int, n_out: int, size: int, *, stride: int = 1, groups: int = 1, rectified: bool = True
) -> nn.Sequential:
    """Make a layer of EfficientNet-Lite; where it halves the size it pads the end by one more than the start."""
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    padding = size // 2
    if stride > 1:
        layers["pad"] = nn.ZeroPad2d((padding - 1, padding, padding - 1, padding))
        padding = 0
    layers["convolution"] = nn.Conv2d(n_in, n_out, size, stride, padding, groups=groups, bias=False)
    layers["norm"] = nn.BatchNorm2d(n_out, eps=1e-3, momentum=0.01)
    if rectified:
        layers["rectifier"] = nn.ReLU6()
    return nn.Sequential(layers)


def make_decoder_layer(n_in: int, n_out: int, size: int) -> nn.Sequential:
    """Make a convolution, batch normalization and a rectifier."""
    convolution = nn.Conv2d(n_in, n_out, size, padding=size // 2, bias=False)
    norm, rectifier = nn.BatchNorm2d(n_out), nn.ReLU(inplace=True)
    return nn.Sequential(OrderedDict(convolution=convolution, norm=norm, rectifier=rectifier))


class Block(nn.Module):
    """More channels, a convolution of each of them alone, and fewer channels: an inverted residual."""

    def __init__(self, size: int, stride: int, expansion: int, n_in: int, n_out: int) -> None:
        super().__init__()
        n = n_in * expansion
        self.is_added = stride == 1 and n_in == n_out
        self.expand = make_trunk_layer(n_in, n, 1) if expansion > 1 else nn.Identity()
        self.depthwise = make_trunk_layer(n, n, size, stride=stride, groups=n)
        self.project = make_trunk_layer(n, n_out, 1, rectified=False)

    def forward(self, x: Tensor) -> Tensor:
        y = self.project(self.depthwise(self.expand(x)))
        return y + x if self.is_added else y


class RegionNetwork(nn.Module):
    """An encoder to a sixteenth or a thirty-second of the size and a decoder to half of it."""

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self.plan = plan
        blocks = {f"b{number}": Block(*block) for number, block in enumerate(BLOCKS[: plan.n_blocks])}
        self.trunk = nn.ModuleDict({"stem": make_trunk_layer(3, 32, 3, stride=2), **blocks})
        self.drop = nn.Dropout2d(DROPOUT)
        self.e = nn.Conv2d(112, 64, 1, bias=False)
        self.entry_norm = nn.BatchNorm2d(64)
        self.g = nn.Conv2d(64, 64, 1)
        self.d4 = make_decoder_layer(64 + 40, 56, 3)
        self.d3 = make_decoder_layer(56 + 24, 40, 3)
        self.d2 = make_decoder_layer(40 + 16, plan.n_fine, 3)
        self.pre = make_decoder_layer(plan.n_fine, plan.n_fine, 3)
        self.out = nn.Conv2d(plan.n_fine, len(OFFSETS), 1)
        if plan.describes:
            self.f = nn.Conv2d(320, 64, 1, bias=False)
            self.z = nn.Conv2d(40, N_DESCRIPTORS, 1)
            self.joined_odds = nn.Parameter(torch.tensor(2.0))  # of two places whose descriptors are the same
        if plan.is_rounded_early:
            for name, layer in self.named_modules():
                if isinstance(layer, nn.Conv2d) and layer.groups == 1 and layer.weight.numel() >= MIN_ROUNDED:
                    layer.__class__ = RoundedConvolution
                    layer.n_levels = self.count_levels(f"{name}.weight", layer.weight.numel())

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        """Compute log-odds (n, 16, h / 2, w / 2) and descriptors (n, 16, h / 4, w / 4) of (n, 3, h, w) in 0 to 1.

        Both have their first value at the first pixel.
        """
        x, maps = (255 * x - 127) / 128, []
        for name, layer in self.trunk.items():
            x = layer(x)
            if name in LAST_OF_SIZE:
                maps.append(x)
        b, c, d, e = maps[:4]
        d, e = self.drop(d), self.e(self.drop(e))
        if self.plan.describes:
            e = e + enlarge(self.f(self.drop(maps[4])), e)
        e = F.relu(self.entry_norm(e))
        e = e + self.g(e.mean((2, 3), keepdim=True))
        d = self.d4(torch.cat([enlarge(e, d), d], 1))
        c = self.d3(torch.cat([enlarge(d, c), c], 1))
        b = self.d2(torch.cat([enlarge(c, b), b], 1))
        return self.out(self.pre(b)), self.z(c) if self.plan.describes else None

    def count_levels(self, name: str, n_weights: int) -> int:
        """Count the steps to which the weights of a layer are rounded, by its name; 0 where they are not."""
        if name.endswith("depthwise.weight"):
            return self.plan.n_window_levels if n_weights >= MIN_ROUNDED_WINDOWS else 0
        is_deep = any(f"b{number}." in name for number in range(FIRST_DEEP, len(BLOCKS)))
        return 0 if n_weights < MIN_ROUNDED else self.plan.n_deep_levels if is_deep else self.plan.n_levels

    def load_trunk(self, weights: Mapping[str, Tensor]) -> None:
        """Take the trunk's weights from those of EfficientNet-Lite0, under the names that they have there."""
        for name, convolution, norm in name_trunk_layers(self.plan.n_blocks):
            layer = self.trunk.get_submodule(name)
            for part, source in ((layer.convolution, convolution), (layer.norm, norm)):
                part.load_state_dict({key: weights[f"{source}.{key}"] for key in part.state_dict()})

    def split_parameters(self) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
        """Split the parameters into those of the decoder and those of the trunk."""
        decoder = [parameter for name, parameter in self.named_parameters() if not name.startswith("trunk.")]
        return decoder, list(self.trunk.parameters())

    def fold(self) -> dict[str, Tensor]:
        """Fold batch normalization into the convolutions: for each layer "NAME.weight" and "NAME.bias"."""
        tensors = {}
        for name, layer in self.named_modules():
            if isinstance(layer, nn.Conv2d):
                weight, bias = layer.weight, layer.bias
                if bias is None:
                    own = f"{name.removesuffix('convolution')}norm"
                    norm = self.entry_norm if name in ("e", "f") else self.get_submodule(own)
                    scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
                    weight = weight * scale[:, None, None, None]
                    # The sum of "e" and "f" is normalized, so its bias is added once.
                    bias = torch.zeros_like(scale) if name == "f" else norm.bias - norm.running_mean * scale
                short = name.removeprefix("trunk.").removesuffix(".convolution")
                tensors[f"{short}.weight"], tensors[f"{short}.bias"] = weight.detach(), bias.detach()
        return tensors

    def export(self, *, whole: bool) -> dict[str, Any]:
        """Make the arrays of the file: as ``fold``, large layers in whole units of "NAME.scale", others in 16 bits.

        The borders of a network that describes places are left out unless the whole network is wanted.
        """
        arrays = {}
        unused = ("d2.", "pre.", "out.") if self.plan.describes and not whole else ()
        for name, tensor in self.fold().items():
            if name.startswith(unused):
                continue
            values = tensor.cpu().numpy()
            n_levels = self.count_levels(name, values.size) if name.endswith(".weight") else 0
            if n_levels:
                unit = np.abs(values).max(axis=(1, 2, 3)) / np.float32(n_levels)
                arrays[name] = np.rint(values / np.where(unit > 0, unit, 1)[:, None, None, None]).astype(np.int8)
                arrays[f"{name.removesuffix('.weight')}.scale"] = unit
            else:
                arrays[name] = values.astype(np.float16)
        return arrays


def name_trunk_layers(n_blocks: int) -> Iterator[tuple[str, str, str]]:
    """Name the layers of the trunk, and their convolution and normalization in the weights of EfficientNet-Lite0."""
    yield "stem", "_conv_stem", "_bn0"
    for number, (_, _, expansion, _, _) in enumerate(BLOCKS[:n_blocks]):
        for place, part in enumerate(("expand", "depthwise", "project")):
            if part != "expand" or expansion > 1:
                yield f"b{number}.{part}", f"_blocks.{number}._{part}_conv", f"_blocks.{number}._bn{place}"


def enlarge(x: Tensor, like: Tensor) -> Tensor:
    """Enlarge a map to the size of another one, bilinearly."""
    return F.interpolate(x, size=like.shape[2:], mode="bilinear", align_corners=False)
