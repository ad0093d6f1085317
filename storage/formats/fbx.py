"""Writes a rigged, animated, textured animal as FBX, through the Blender that is installed as a program of its own.

Nobody documents FBX; Blender's writer is the one that is tried in engines. It reads our GLB. No line of Blender, which
is under the GPL, runs in this process.
"""

import json
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from storage.formats.glb import glb
from storage.formats.meshes import Asset

PROGRAM = "blender"
SECONDS = 600
"""After which Blender is given up."""
SCRIPT = """
import json, sys
import bpy, numpy

if not hasattr(numpy, "bool"):  # Debian 12 gives Blender a newer numpy than its reader of glTF knows.
    numpy.bool = bool
source, target, words = sys.argv[sys.argv.index("--") + 1:]
bpy.ops.wm.read_factory_settings(use_empty=True)
bpy.context.scene.render.fps = 60
bpy.ops.import_scene.gltf(filepath=source)
armature = next(thing for thing in bpy.data.objects if thing.type == "ARMATURE")
for thing in list(bpy.data.objects):
    if thing.type != "ARMATURE" and thing.find_armature() is None:
        bpy.data.objects.remove(thing)
for name, text in json.loads(words).items():
    armature[name] = text
# A clip becomes a take of its own name where it is a strip; as a mere action, `armature|walk`.
clips = [(track.name, strip.action) for track in armature.animation_data.nla_tracks for strip in track.strips]
for track in list(armature.animation_data.nla_tracks):
    armature.animation_data.nla_tracks.remove(track)
armature.animation_data.action = None
for name, action in clips:
    track = armature.animation_data.nla_tracks.new()
    strip = track.strips.new(name, 0, action)
    track.name = strip.name = name
    strip.frame_start, strip.frame_end = action.frame_range
    strip.extrapolation = "NOTHING"
# Before all strips the animal stands in its bind pose, in which it is written.
for bone in armature.pose.bones:
    bone.matrix_basis.identity()
bpy.context.scene.frame_set(-10)
bpy.ops.export_scene.fbx(
    filepath=target, object_types={"ARMATURE", "MESH"}, use_custom_props=True, add_leaf_bones=False,
    bake_anim_use_all_actions=False, bake_anim_use_nla_strips=True, path_mode="COPY", embed_textures=True,
    apply_scale_options="FBX_SCALE_ALL",
)
"""
"""What Blender does with a GLB, the FBX to write, and the origin as JSON."""


def check_blender() -> str:
    """The program on the PATH. Raises ValueError where there is none."""
    blender = shutil.which(PROGRAM)
    if blender is None:
        raise ValueError(
            f"FBX is written by Blender, and no program {PROGRAM!r} is on the PATH; install it from blender.org or "
            "with your system's packages, or take .glb or .usdz"
        )
    return blender


def fbx(asset: Asset) -> bytes:
    """The whole file: mesh, armature, a take for each clip, texture inside; properties of the armature have the origin.

    Raises ValueError where Blender is not there, or makes no file.
    """
    blender = check_blender()
    with TemporaryDirectory() as folder:
        source, target = Path(folder, "animal.glb"), Path(folder, "animal.fbx")
        source.write_bytes(glb(asset))
        command = [blender, "--background", "--factory-startup", "--python-exit-code", "1", "--python-expr", SCRIPT]
        words = json.dumps({"generator": "farm3d", **asset.origin})
        try:
            done = subprocess.run(
                [*command, "--", str(source), str(target), words],
                capture_output=True, text=True, errors="replace", check=False, timeout=SECONDS,
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired) as error:
            raise ValueError(f"{blender} made no FBX ({error}); see that it starts, or take .glb") from error
        if done.returncode or not target.is_file():
            raise ValueError(f"{blender} made no FBX ({_complaint(done.stderr)}); take Blender 3.4 or later, or .glb")
        return target.read_bytes()


def _complaint(text: str) -> str:
    """The line of what Blender said that names its error, else the last one."""
    lines = text.strip().splitlines() or ["it said nothing"]
    return next((line for line in reversed(lines) if "Error: " in line), lines[-1])
