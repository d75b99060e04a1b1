"""A small software renderer: lofted tubes and ellipsoids, a depth buffer, one light.

Letters: H, W height and width of the canvas in pixels; n pixels a shape covers.
Camera frame: x right, y down the image, depth towards the camera, all in pixels.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.float32]
Places = NDArray[np.intp]
Point = NDArray[np.float64]
"""Shape (3,), metres in the body frame."""
Ends = tuple[Point, Point]
Projected = tuple[float, float, float]
Texture = Callable[[Pixels, Pixels], Pixels]
"""(metres along the tube (n,), angle around it in radians (n,); 0 is the front) -> RGB (n, 3)."""
BallTexture = Callable[[Pixels], Pixels]
"""Unit directions in the body frame (n, 3) -> RGB (n, 3)."""
Profile = Sequence[tuple[float, float, float]]
"""(place along the tube from 0 to 1, half width, half depth) in metres, places ascending."""


@dataclass(frozen=True)
class View:
    """How a body is seen.

    Attributes:
        yaw: Facing direction in radians; 0 faces the camera, pi shows the back.
        pitch: Angle in radians by which the camera looks down.
        pixels_per_metre: Scale on the canvas.
        foot: Canvas position (x, y) of the body frame's origin, in pixels.
        light: Direction towards the light in the camera frame, any length.
        ambient: Brightness of a surface turned away from the light, 0 to 1.
    """

    yaw: float
    pitch: float
    pixels_per_metre: float
    foot: tuple[float, float]
    light: tuple[float, float, float] = (-0.45, -0.6, 0.75)
    ambient: float = 0.55


class Canvas:
    """An RGB image (H, W, 3) with a depth buffer (H, W), on which one body after another is drawn.

    Args:
        height: H.
        width: W.
        view: How the body on this canvas is seen.
    """

    def __init__(self, height: int, width: int, view: View) -> None:
        self._view = view
        self._cosine, self._sine = math.cos(view.yaw), math.sin(view.yaw)
        norm = math.hypot(*view.light)
        self._light = tuple(value / norm for value in view.light)
        self._height, self._width = height, width
        self._rows = np.arange(height, dtype=np.float32)[:, None]
        self._columns = np.arange(width, dtype=np.float32)[None, :]
        self._colour = np.zeros((height * width, 3), np.float32)
        self._depth = np.full(height * width, -np.inf, np.float32)

    def finish(self) -> NDArray[np.uint8]:
        """Return the image as RGBA (H, W, 4), 0 to 255; alpha is 255 where something was drawn."""
        rgba = np.empty((self._height * self._width, 4), np.uint8)
        rgba[:, :3] = self._colour.clip(0, 1) * 255 + 0.5
        rgba[:, 3] = np.where(np.isfinite(self._depth), 255, 0)
        return rgba.reshape(self._height, self._width, 4)

    def tube(self, ends: Ends, profile: Profile, texture: Texture, *, rounded: bool = True) -> None:
        """Draw a tube of elliptic cross-section between two points of the body frame.

        Args:
            ends: Start and end of the axis, each (3,), in metres.
            profile: Half width (x) and half depth (z) along the axis.
            texture: Colour of the surface.
            rounded: Whether the ends are domes, else they are cut off flat.
        """
        start, end = self._project(ends[0]), self._project(ends[1])
        places, half, bulge = self._outline(profile)
        largest = float(np.max(half))
        length = max(math.hypot(end[0] - start[0], end[1] - start[1]), 1e-3)
        side = (end[0] - start[0]) / length, (end[1] - start[1]) / length
        rows, columns = self._window((start, end), largest)
        dx, dy = self._columns[:, columns] - start[0], self._rows[rows] - start[1]
        forward = dx * side[0] + dy * side[1]
        across = dx * side[1] - dy * side[0]
        reach = length / 2 + (largest if rounded else 0)
        near = np.nonzero((np.abs(across) <= largest) & (np.abs(forward - length / 2) <= reach))
        forward, across = forward[near], across[near]
        place = (forward / length).clip(0, 1)
        radius = np.interp(place, places, half).astype(np.float32)
        u, w = across / radius, (forward - place * length) / radius
        height = 1 - u * u - w * w
        hit = height >= 0
        towards = np.sqrt(height[hit])
        u, w, place = u[hit], w[hit], place[hit]
        depth = start[2] + place * (end[2] - start[2])
        depth += np.interp(place, places, bulge).astype(np.float32) * towards
        x, y, z = self._light
        lit = u * (x * side[1] - y * side[0]) + w * (x * side[0] + y * side[1]) + towards * z
        spot = (near[0][hit] + rows.start) * self._width + (near[1][hit] + columns.start)
        seen = depth > self._depth[spot]
        metres = float(np.linalg.norm(ends[1] - ends[0]))
        colours = texture(place[seen] * metres, np.arcsin(u[seen]) - self._view.yaw)
        self._paint(spot[seen], depth[seen], lit[seen], colours)

    def ball(self, centre: Point, radii: tuple[float, float, float], texture: BallTexture) -> None:
        """Draw an ellipsoid; `centre` (3,) and `radii` (x, y, z) in metres of the body frame."""
        middle = self._project(centre)
        scale = self._view.pixels_per_metre
        wide = math.hypot(radii[0] * self._cosine, radii[2] * self._sine) * scale
        high = radii[1] * scale
        rows, columns = self._window((middle,), max(wide, high))
        u = (self._columns[:, columns] - middle[0]) / wide
        w = (self._rows[rows] - middle[1]) / high
        near = np.nonzero(u * u + w * w <= 1)
        u, w = u[0, near[1]], w[near[0], 0]
        towards = np.sqrt((1 - u * u - w * w).clip(0))
        depth = middle[2] + towards * wide
        spot = (near[0] + rows.start) * self._width + (near[1] + columns.start)
        seen = depth > self._depth[spot]
        u, w, towards, depth = u[seen], w[seen], towards[seen], depth[seen]
        across = u * self._cosine - towards * self._sine
        facing = u * self._sine + towards * self._cosine
        x, y, z = self._light
        lit = u * x + w * y + towards * z
        self._paint(spot[seen], depth, lit, texture(np.stack([across, -w, facing], axis=1)))

    def _outline(self, profile: Profile) -> tuple[Pixels, Pixels, Pixels]:
        """Return places, half widths as seen and half depths towards the camera in pixels."""
        places, widths, depths = np.asarray(profile, np.float32).T
        scale = self._view.pixels_per_metre
        half = np.hypot(widths * self._cosine, depths * self._sine) * scale
        return places, half, np.hypot(widths * self._sine, depths * self._cosine) * scale

    def _window(self, points: Sequence[Projected], margin: float) -> tuple[slice, slice]:
        """Return the rows and columns that a shape about `points` may touch."""

        def span(axis: int, size: int) -> slice:
            low = math.floor(min(point[axis] for point in points) - margin)
            high = math.ceil(max(point[axis] for point in points) + margin) + 1
            start = min(max(low, 0), size)
            return slice(start, max(min(high, size), start))

        return span(1, self._height), span(0, self._width)

    def _paint(self, spot: Places, depth: Pixels, lit: Pixels, colours: Pixels) -> None:
        """Set n pixels: flat places, depths, cosine of the angle to the light, RGB (n, 3)."""
        ambient = self._view.ambient
        shade = ambient + (1 - ambient) * lit.clip(0)
        self._colour[spot] = colours * shade[:, None]
        self._depth[spot] = depth

    def _project(self, point: Point) -> Projected:
        """Return (x, y, depth towards the camera) of a body point, in pixels."""
        x, y, z = (float(value) * self._view.pixels_per_metre for value in point)
        right = x * self._cosine + z * self._sine
        near = z * self._cosine - x * self._sine
        cosine, sine = math.cos(self._view.pitch), math.sin(self._view.pitch)
        down, towards = near * sine - y * cosine, near * cosine + y * sine
        return self._view.foot[0] + right, self._view.foot[1] + down, towards
