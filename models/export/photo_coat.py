"""An animal in the coat of its photo: what the photo shows, mirrored where only the other side is seen, else predicted.

Where the photo is trusted its own pixels are taken, without their light. The sides of the rest shape are mirror
images, so what one flank shows is put on the other where that is not seen. The predicted colours in between and beyond
are moved by a membrane that is tied to the photo's colours where they are known (Pérez et al. 2003), so that no seam
is left.
"""

from dataclasses import dataclass, replace
from typing import Protocol, TypeGuard

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy.sparse import csc_array, diags_array
from scipy.sparse.linalg import splu
from scipy.spatial import KDTree
from torch import Tensor

from models.data.batch import Batch
from models.export.photo_layer import PhotoLayer, see_surface
from models.export.photo_light import fit_light
from models.geometry.cameras import Camera
from models.geometry.mesh import Mesh, adjacency
from models.geometry.skeleton import Rig
from models.rendering import Renderer, deferred
from models.rendering.reconstruction import Reconstruction, Relightable, Rigged, Textured
from models.rendering.types import Light, Rendering

STIFFNESS = 1.0
"""How much neighbouring vertices' changes of colour are held together, against the trust in their photo."""
RETURN = 1e-3
"""How much a change is drawn back to none: its reach in edges is the root of the stiffness over this."""
TWIN = 0.01
"""A vertex is another's mirror image if it is nearer to that place, over the animal's size."""
LIGHT_PIXELS = 4000
"""Pixels of a photo by which its light is corrected, about."""
NOWHERE = 1e6
"""A place that no photo shows."""


class Wearer(Reconstruction, Relightable, Textured, Rigged, Protocol):
    """An answer that a photo's coat can be put on."""


def is_wearer(reconstruction: Reconstruction) -> TypeGuard[Wearer]:
    """Whether the answer has a surface with colours, and a camera and a light that say what the photo shows of it."""
    return (
        isinstance(reconstruction, Relightable)
        and isinstance(reconstruction, Textured)
        and isinstance(reconstruction, Rigged)
        and reconstruction.camera is not None
    )


@dataclass(frozen=True)
class PhotoCoated:
    """Answers in the coats of their photos; in all else the answers that they were."""

    wearer: Wearer
    renderer: Renderer
    light: Light
    """The lights of the photos, corrected by their pixels."""
    photo: PhotoLayer
    surface: Float[Tensor, "batch vertices 12"]
    """Of each vertex: where the colours are read, where the photo saw it, where it saw its mirror image, and the
    membrane's change of its colour."""

    def __len__(self) -> int:
        """Number of crops."""
        return len(self.wearer)

    @property
    def camera(self) -> Camera | None:
        """The crops' cameras."""
        return self.wearer.camera

    def mesh(self, row: int) -> Mesh | None:
        """The posed surface of one animal."""
        return self.wearer.mesh(row)

    @torch.no_grad()
    def render(self, size: int, camera: Camera | None = None, light: Light | None = None) -> Rendering:
        """Pictures from the predicted or another camera, under the predicted or another light."""
        mesh = _meshes(self.wearer)
        device = mesh.vertices.device
        light = (light or self.light).to(device)
        surface = deferred.Surface(mesh, self.surface, self.albedo)
        return deferred.render(self.renderer, surface, (camera or self.photo.camera).to(device), light, size)

    def canonical(self) -> Float[Tensor, "vertices 12"]:
        """Where the colours of the first animal are read."""
        return self.surface[0]

    def albedo(self, points: Float[Tensor, "points 12"], image: Int[Tensor, " points"]) -> Float[Tensor, "points 3"]:
        """Colours of points between vertices, by the same mean of what the vertices have."""
        canonical, seen, twin, change = points.split(3, -1)
        color = self.wearer.albedo(canonical, image) + change
        for place in (twin, seen):
            photo, trust = self.photo.read(place, image)
            color = color + trust[:, None] * (photo - color)
        return color.clamp(0, 1)

    def coverage(self, points: Float[Tensor, "points 12"], image: Int[Tensor, " points"]) -> Float[Tensor, " points"]:
        """1 where the colour is the photo's own, 0.5 where it is its mirror image's, 0 where it is predicted."""
        _, seen, twin, _ = points.split(3, -1)
        own, mirrored = (self.photo.read(place, image)[1] for place in (seen, twin))
        return own + (1 - own) * 0.5 * mirrored

    def rest(self) -> Mesh:
        """Before articulation."""
        return self.wearer.rest()

    def rig(self) -> Rig:
        """The bones at rest."""
        return self.wearer.rig()

    @property
    def legs(self) -> int:
        """How many legs it has."""
        return self.wearer.legs

    def skin_weights(self) -> Float[Tensor, "batch vertices bones"]:
        """How much each bone carries each vertex."""
        return self.wearer.skin_weights()

    def angles(self) -> Float[Tensor, "batch bones 3"]:
        """Bone angles of the photos."""
        return self.wearer.angles()

    def posed(self, angles: Float[Tensor, "batch bones 3"]) -> "PhotoCoated":
        """The same animals with other bone angles; their coats stick to them."""
        return replace(self, wearer=self.wearer.posed(angles))

    def with_surface(self, vertices: Float[Tensor, "batch vertices 3"]) -> "PhotoCoated":
        """The same animals with their vertices at other places; their coats stick to them."""
        return replace(self, wearer=self.wearer.with_surface(vertices))

    def pick(self, row: int, count: int = 1) -> "PhotoCoated":
        """One animal of the batch, `count` times."""
        return PhotoCoated(
            self.wearer.pick(row, count),
            self.renderer,
            self.light.rows(torch.full((count,), row)),
            self.photo.pick(row, count),
            self.surface[row : row + 1].expand(count, -1, -1),
        )


@torch.no_grad()
def wear_photo(wearer: Wearer, renderer: Renderer, photos: Batch) -> PhotoCoated:
    """The answers in the coats of their crops, which may be larger than those that were answered."""
    mesh, camera = _meshes(wearer), wearer.camera
    assert camera is not None
    canonical = wearer.canonical()
    sight = see_surface(renderer, mesh, canonical[None], camera, photos)
    chosen = sight.sample(LIGHT_PIXELS)
    normal, color, row = sight.normal[chosen], sight.color[chosen], sight.row[chosen]
    light = fit_light(wearer.light, normal, wearer.albedo(sight.canonical[chosen], row), color, row)
    photo = sight.layer(camera, light)
    twins, lacking = _twins(canonical.cpu().numpy())
    twin = mesh.vertices[:, twins]
    twin[:, lacking] = NOWHERE
    known = torch.cat((canonical.expand_as(twin), mesh.vertices, twin), -1)
    laplacian = _laplacian(mesh.faces.cpu().numpy(), len(canonical))
    changes = []
    for row in range(len(wearer)):
        image_of = torch.full((len(canonical),), row, device=canonical.device)
        predicted = wearer.albedo(canonical, image_of)
        color, trust = _both_sides(photo, mesh.vertices[row], twin[row], image_of)
        change = _membrane(laplacian, (color - predicted).cpu().double().numpy(), trust.cpu().double().numpy())
        changes.append(torch.from_numpy(change).to(known))
    return PhotoCoated(wearer, renderer, light, photo, torch.cat((known, torch.stack(changes)), -1))


def _meshes(wearer: Wearer) -> Mesh:
    """The posed surfaces of all rows."""
    rows = [mesh for row in range(len(wearer)) if (mesh := wearer.mesh(row))]
    return Mesh(torch.cat([mesh.vertices for mesh in rows]), rows[0].faces)


def _both_sides(
    photo: PhotoLayer,
    seen: Float[Tensor, "vertices 3"],
    twin: Float[Tensor, "vertices 3"],
    image: Int[Tensor, " vertices"],
) -> tuple[Float[Tensor, "vertices 3"], Float[Tensor, " vertices"]]:
    """Colour and trust of vertices: the photo's own where it is trusted, else its mirror image's."""
    own, trust = photo.read(seen, image)
    mirrored, other = photo.read(twin, image)
    other = (1 - trust) * other
    whole = trust + other
    return (own * trust[:, None] + mirrored * other[:, None]) / whole[:, None].clamp(min=1e-6), whole


def _twins(vertices: Float[np.ndarray, "vertices 3"]) -> tuple[Int[np.ndarray, " vertices"], np.ndarray]:
    """The vertex nearest to the mirror image of each, and which have none."""
    distance, twins = KDTree(vertices).query(vertices * (-1, 1, 1))
    return np.asarray(twins), np.asarray(distance) > TWIN * np.ptp(vertices, axis=0).max()


def _laplacian(faces: Int[np.ndarray, "faces 3"], count: int) -> csc_array:
    """Graph Laplacian of a mesh: degree on the diagonal, -1 per edge."""
    edges = adjacency(faces, count).astype(np.float64)
    return csc_array(diags_array(np.asarray(edges.sum(0)).ravel()) - edges)


def _membrane(
    laplacian: csc_array, wanted: Float[np.ndarray, "vertices 3"], trust: Float[np.ndarray, " vertices"]
) -> Float[np.ndarray, "vertices 3"]:
    """The smoothest change that is as wanted where that is trusted, and dies away from there."""
    system = diags_array(trust + RETURN) + STIFFNESS * laplacian
    return splu(csc_array(system)).solve(trust[:, None] * wanted)
