"""FBX is made by the user's Blender, and what it makes is what the asset says."""

import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from storage.formats import fbx as module
from storage.formats.fbx import check_blender, fbx
from storage.formats.glb import glb
from tests.storage.tube import Tube, tube

ORIGIN = {"licence": "CC0-1.0", "prompt": 'a "cow"'}
READ = """
import json, sys
import bpy

bpy.ops.wm.read_factory_settings(use_empty=True)
bpy.context.scene.render.fps = 60
bpy.ops.import_scene.fbx(filepath=sys.argv[sys.argv.index("--") + 1])
armature = next(thing for thing in bpy.data.objects if thing.type == "ARMATURE")
mesh = next(thing for thing in bpy.data.objects if thing.type == "MESH")
with open(sys.argv[-1], "w") as file:
    json.dump({
        "vertices": [list(mesh.matrix_world @ vertex.co) for vertex in mesh.data.vertices],
        "bones": {bone.name: bone.parent and bone.parent.name for bone in armature.data.bones},
        "clips": {action.name: list(action.frame_range) for action in bpy.data.actions},
        "textures": [list(image.size) for image in bpy.data.images if image.packed_file],
        "words": {name: armature[name] for name in ("licence", "prompt", "generator")},
    }, file)
"""


@pytest.fixture
def rigged() -> Tube:
    known = tube()
    clip = known.clips["walk"]
    idle = replace(clip, seconds=2 * clip.seconds, rotations=clip.rotations[::-1])
    return replace(known, clips={"idle": idle, "walk": clip}, origin=ORIGIN)


def pretend(folder: Path, monkeypatch: pytest.MonkeyPatch, lines: str) -> None:
    """A program of that name which does this."""
    program = folder / "blender"
    program.write_text(f"#!/bin/sh\n{lines}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


def test_blender_is_given_our_glb_and_the_origin(rigged: Tube, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(tmp_path, monkeypatch, f'echo "$@" > {tmp_path}/said; shift 6; cat "$2" > "$3"; echo "$4" >> "$3"')
    assert fbx(rigged) == glb(rigged) + json.dumps({"generator": "farm3d", **ORIGIN}).encode() + b"\n"
    assert (tmp_path / "said").read_text().startswith("--background --factory-startup --python-exit-code 1 --python-e")


def test_without_blender_one_sentence_says_what_to_install(rigged: Tube, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    for ask in (check_blender, lambda: fbx(rigged)):
        with pytest.raises(ValueError, match=r"no program 'blender' is on the PATH; install it .* or take \.glb"):
            ask()


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (
            "echo 'Error: at line 2' >&2; echo 'KeyError: no operator' >&2; echo bye >&2; exit 1",
            "no operator",
        ),
        ("echo 'cannot open display' >&2; exit 1", "cannot open display"),
        ("exit 0", "it said nothing"),
        ("exec sleep 20", "timed out"),
    ],
)
def test_a_blender_that_fails_is_one_sentence(
    rigged: Tube, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lines: str, said: str
) -> None:
    pretend(tmp_path, monkeypatch, lines)
    monkeypatch.setattr(module, "SECONDS", 0.5 if "sleep" in lines else 60)
    with pytest.raises(ValueError, match=rf"blender made no FBX \(.*{said}.*\.glb"):
        fbx(rigged)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("blender") is None, reason="needs Blender on the PATH")
def test_blender_reads_its_own_file_as_the_asset_says(rigged: Tube, tmp_path: Path) -> None:
    (tmp_path / "tube.fbx").write_bytes(fbx(rigged))
    command = ["blender", "--background", "--factory-startup", "--python-exit-code", "1", "--python-expr", READ, "--"]
    subprocess.run([*command, str(tmp_path / "tube.fbx"), str(tmp_path / "read.json")], check=True, capture_output=True)
    read = json.loads((tmp_path / "read.json").read_text())
    x, y, z = np.array(read["vertices"]).T
    np.testing.assert_allclose(np.stack((x, z, -y), 1), rigged.vertices, atol=1e-4)
    parents = [rigged.bones[parent] if parent >= 0 else None for parent in rigged.parents]
    assert read["bones"] == dict(zip(rigged.bones, parents, strict=True))
    seconds = {name.rpartition("|")[2]: (last - first) / 60 for name, (first, last) in read["clips"].items()}
    assert seconds == pytest.approx({"idle": 2.0, "walk": 1.0})
    assert read["textures"] == [[16, 16]] and read["words"] == {"generator": "farm3d", **ORIGIN}
