"""The geometry of animals and cameras. Every convention is stated here and nowhere else.

Object frame (= world)   x left/right with mirror plane x = 0, y up, z along the body, head at +z. Right-handed.
Scene units              the rest animal is about 4 units long; the tetrahedral grid spans +-3.5 (MagicPony: scale 7).
Camera frame             OpenGL: x right, y up, looks along -z. Default distance 10, vertical fov 25 degrees, aspect 1.
Clip space               `Camera.to_clip`: (x, y, z, w); y is negated so that image row 0 is the top; ndc depth grows
                         with distance and lies in [-1, 1] between near 0.1 and far 1000; w is the distance along -z
                         of a perspective camera, and 1 of a weak-perspective or an orthographic one.
Image                    (batch, height, width, channels), RGB in [0, 1], pixel (row 0, column 0) is the top left; the
                         pixel centre of column j is at ndc x = (2 j + 1) / width - 1.
Azimuth                  of the camera about +y, from +z (in front of the head) towards +x; in (-pi, pi].
Elevation                of the camera above the ground plane.
Rotations                3x3 matrices act on column vectors; `T_to_from` takes coordinates in `from` to `to`.
Bone angles              radians, intrinsic R = Rx Ry Rz in the bone's own frame: x swings fore/aft, y bends sideways,
                         z twists.
"""
