"""The render pass: find what each pixel sees first, evaluate the fields of the surface only there (fidelity F30)."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from models.geometry.cameras import Camera, PerspectiveCamera
from models.geometry.mesh import Mesh, vertex_normals
from models.rendering import Fragments, Renderer
from models.rendering.shading import facing_normal, shade
from models.rendering.types import Light, Rendering

SurfaceField = Callable[[Float[Tensor, "points coordinates"], Int[Tensor, " points"]], Float[Tensor, "points channels"]]
"""Values at points of the surface, each seen in the image of this index."""


@dataclass(frozen=True)
class Surface:
    """What is drawn: posed meshes, and the fields that say what their points look like."""

    mesh: Mesh
    canonical: Float[Tensor, "meshes vertices coordinates"]
    """Where the fields are read, one row to a vertex: points of the canonical frame, and whatever else the fields ask
    for; of one mesh for all images or one each."""
    albedo: SurfaceField
    features: SurfaceField | None = None


def render(renderer: Renderer, surface: Surface, camera: Camera, light: Light, size: int) -> Rendering:
    """Pictures of a surface on black.

    Colour, mask, albedo, shading and features are antialiased; normal and depth are those of the pixel centre.
    """
    mesh = surface.mesh
    clip, fragments = rasterize(renderer, mesh, camera, size)
    covered = (fragments.face.flatten() >= 0).nonzero()[:, 0]
    image = torch.div(covered, size**2, rounding_mode="floor")

    def picture(values: Float[Tensor, "covered channels"]) -> Float[Tensor, "batch size size channels"]:
        empty = values.new_zeros(fragments.face.numel(), values.shape[-1])
        return empty.index_copy(0, covered, values).view(*fragments.face.shape, -1)

    points, normal = points_and_normals(renderer, fragments, mesh, camera, surface.canonical, covered)
    shading = shade(normal, light.rows(image))[:, None]
    color = surface.albedo(points, image)
    layers = [color * shading, torch.ones_like(shading), color, shading]
    if surface.features is not None:
        layers.append(surface.features(points, image))
    smoothed = renderer.antialias(picture(torch.cat(layers, -1)), fragments, clip, mesh.faces)
    return Rendering(
        rgb=smoothed[..., :3],
        mask=smoothed[..., 3],
        albedo=smoothed[..., 4:7],
        shading=smoothed[..., 7],
        features=None if surface.features is None else smoothed[..., 8:],
        normal=picture(normal),
        depth=fragments.depth,
        visible=visible_faces(fragments.face, len(mesh.faces)),
    )


def silhouette(renderer: Renderer, mesh: Mesh, camera: Camera, size: int) -> Float[Tensor, "batch size size"]:
    """The mask of `render` alone."""
    clip, fragments = rasterize(renderer, mesh, camera, size)
    covered = (fragments.face >= 0).to(clip)[..., None]
    return renderer.antialias(covered, fragments, clip, mesh.faces)[..., 0]


def rasterize(
    renderer: Renderer, mesh: Mesh, camera: Camera, size: int
) -> tuple[Float[Tensor, "batch vertices 4"], Fragments]:
    """Clip positions of the vertices, and what each pixel of a camera of any kind sees."""
    clip = camera.to_clip(mesh.vertices)
    distance = None if isinstance(camera, PerspectiveCamera) else camera.distance(mesh.vertices)
    return clip, renderer.rasterize(clip, mesh.faces, size, distance)


def visible_faces(face: Int[Tensor, "batch size size"], faces: int) -> Bool[Tensor, "batch {faces}"]:
    """Faces with at least one pixel."""
    visible = torch.zeros(len(face), faces + 1, dtype=torch.bool, device=face.device)
    return visible.scatter_(1, face.flatten(1) + 1, True)[:, 1:]


def points_and_normals(
    renderer: Renderer,
    fragments: Fragments,
    mesh: Mesh,
    camera: Camera,
    canonical: Float[Tensor, "meshes vertices coordinates"],
    covered: Int[Tensor, " covered"],
) -> tuple[Float[Tensor, "covered coordinates"], Float[Tensor, "covered 3"]]:
    """Canonical points and camera-frame normals, turned to the viewer, at the covered pixels (flat indices)."""
    R_world_camera = camera.T_camera_world[:, :3, :3].mT
    normals, positions = vertex_normals(mesh) @ R_world_camera, camera.to_camera(mesh.vertices)
    points = canonical.expand(len(positions), -1, -1)
    attributes = torch.cat((points, normals, positions), -1)
    pixels = renderer.interpolate(attributes, fragments, mesh.faces).flatten(0, 2)
    points, smooth, position = pixels.index_select(0, covered).split((points.shape[-1], 3, 3), -1)
    face = fragments.face.flatten().index_select(0, covered)
    first = torch.div(covered, fragments.face[0].numel(), rounding_mode="floor") * mesh.vertices.shape[1]
    corners = mesh.faces.index_select(0, face) + first[:, None]
    a, b, c = (positions.detach().flatten(0, 1).index_select(0, corner) for corner in corners.unbind(1))
    geometric = torch.cross(b - a, c - a, dim=-1)
    return points, facing_normal(smooth, geometric, camera.line_of_sight(position[None])[0])
