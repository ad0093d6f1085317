"""The render pass: find what each pixel sees first, evaluate the fields of the surface only there (fidelity F30)."""

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from models.geometry.cameras import Camera
from models.geometry.mesh import Mesh, vertex_normals
from models.rendering import Fragments, Renderer
from models.rendering.shading import facing_normal, shade
from models.rendering.types import Light, Rendering

Field = Callable[[Tensor, Tensor], Tensor]
"""(points (N, 3) in the canonical frame, image index (N,)) -> values (N, channels)."""


def render(  # noqa: PLR0913  one argument for each thing a picture depends on
    renderer: Renderer,
    mesh: Mesh,
    camera: Camera,
    light: Light,
    size: int,
    albedo: Field,
    canonical: Float[Tensor, "meshes vertices 3"],
    features: Field | None = None,
) -> Rendering:
    """Pictures of posed meshes on black; `canonical` holds the points at which the fields are read.

    Colour, mask, albedo, shading and features are antialiased; normal and depth are those of the pixel centre.
    """
    clip = camera.to_clip(mesh.vertices)
    fragments = renderer.rasterize(clip, mesh.faces, size)
    covered = (fragments.face.flatten() >= 0).nonzero()[:, 0]
    image = torch.div(covered, size**2, rounding_mode="floor")

    def picture(values: Float[Tensor, "covered channels"]) -> Float[Tensor, "batch size size channels"]:
        empty = values.new_zeros(fragments.face.numel(), values.shape[-1])
        return empty.index_copy(0, covered, values).view(*fragments.face.shape, -1)

    points, normal = surface(renderer, fragments, mesh, camera, canonical, covered)
    shading = shade(normal, light.rows(image))[:, None]
    color = albedo(points, image)
    layers = [color * shading, torch.ones_like(shading), color, shading]
    if features is not None:
        layers.append(features(points, image))
    smoothed = renderer.antialias(picture(torch.cat(layers, -1)), fragments, clip, mesh.faces)
    return Rendering(
        rgb=smoothed[..., :3],
        mask=smoothed[..., 3],
        albedo=smoothed[..., 4:7],
        shading=smoothed[..., 7],
        features=None if features is None else smoothed[..., 8:],
        normal=picture(normal),
        depth=fragments.depth,
        visible=visible_faces(fragments.face, len(mesh.faces)),
    )


def silhouette(renderer: Renderer, mesh: Mesh, camera: Camera, size: int) -> Float[Tensor, "batch size size"]:
    """The mask of `render` alone."""
    clip = camera.to_clip(mesh.vertices)
    fragments = renderer.rasterize(clip, mesh.faces, size)
    covered = (fragments.face >= 0).to(clip)[..., None]
    return renderer.antialias(covered, fragments, clip, mesh.faces)[..., 0]


def visible_faces(face: Int[Tensor, "batch size size"], faces: int) -> Bool[Tensor, "batch {faces}"]:
    """Faces with at least one pixel."""
    seen = torch.zeros(len(face), faces + 1, dtype=torch.bool, device=face.device)
    return seen.scatter_(1, face.flatten(1) + 1, True)[:, 1:]


def surface(
    renderer: Renderer, fragments: Fragments, mesh: Mesh, camera: Camera, canonical: Tensor, covered: Tensor
) -> tuple[Float[Tensor, "covered 3"], Float[Tensor, "covered 3"]]:
    """Canonical points and camera-frame normals, turned to the viewer, at the covered pixels (flat indices)."""
    R_world_camera = camera.T_camera_world[:, :3, :3].mT
    normals, positions = vertex_normals(mesh) @ R_world_camera, camera.to_camera(mesh.vertices)
    attributes = torch.cat((canonical.expand_as(positions), normals, positions), -1)
    pixels = renderer.interpolate(attributes, fragments, mesh.faces).flatten(0, 2)
    points, smooth, position = pixels.index_select(0, covered).split(3, -1)
    face = fragments.face.flatten().index_select(0, covered)
    first = torch.div(covered, fragments.face[0].numel(), rounding_mode="floor") * mesh.vertices.shape[1]
    corners = mesh.faces.index_select(0, face) + first[:, None]
    a, b, c = (positions.detach().flatten(0, 1).index_select(0, corner) for corner in corners.unbind(1))
    return points, facing_normal(smooth, torch.cross(b - a, c - a, dim=-1), position)
