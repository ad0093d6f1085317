"""The render pass: find what each pixel sees first, evaluate the fields of the surface only there (facts 2.11)."""

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from models.geometry.camera import Camera
from models.geometry.mesh import Mesh, face_normals, vertex_normals
from models.prediction import Light, Rendering
from models.rendering import Fragments, Renderer
from models.rendering.shading import facing_normal, shade

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
    """Pictures of posed meshes on black; `canonical` holds the points at which the fields are read."""
    clip = camera.to_clip(mesh.vertices)
    fragments = renderer.rasterize(clip, mesh.faces, size)
    rotation = camera.T_camera_world[:, :3, :3]
    attributes = torch.cat(
        (
            canonical.expand(len(mesh), -1, -1),
            vertex_normals(mesh) @ rotation.mT,
            camera.to_camera(mesh.vertices),
        ),
        -1,
    )
    covered = (fragments.face.flatten() >= 0).nonzero()[:, 0]
    image = covered // size**2
    surface = renderer.interpolate(attributes, fragments, mesh.faces).flatten(0, 2).index_select(0, covered)
    points, smooth, position = surface.split(3, -1)
    face = fragments.face.flatten().index_select(0, covered)
    geometric = (face_normals(mesh).detach() @ rotation.mT).flatten(0, 1).index_select(0, image * len(mesh.faces) + face)
    normal = facing_normal(smooth, geometric, position)
    lit = Light(light.direction[image], light.ambient[image], light.diffuse[image])
    shading = shade(normal, lit)[:, None]
    color = albedo(points, image)
    layers = [color * shading, torch.ones_like(shading), color, shading]
    if features is not None:
        layers.append(features(points, image))

    def picture(values: Tensor) -> Tensor:
        empty = values.new_zeros(fragments.face.numel(), values.shape[-1])
        return empty.index_copy(0, covered, values).view(len(mesh), size, size, -1)

    smoothed = renderer.antialias(picture(torch.cat(layers, -1)), fragments, clip, mesh.faces)
    return Rendering(
        rgb=smoothed[..., :3],
        mask=smoothed[..., 3],
        albedo=smoothed[..., 4:7],
        shading=smoothed[..., 7],
        features=None if features is None else smoothed[..., 8:],
        normal=picture(normal),
        depth=fragments.depth,
        visible=visible_faces(fragments, len(mesh.faces)),
    )


def visible_faces(fragments: Fragments, faces: int) -> Bool[Tensor, "batch {faces}"]:
    """Faces with at least one pixel."""
    seen = torch.zeros(len(fragments.face), faces + 1, dtype=torch.bool, device=fragments.face.device)
    return seen.scatter_(1, fragments.face.flatten(1) + 1, True)[:, 1:]
