"""Every format an animal is handed out in, read by programs of others: sizes, seconds, what they saw.

    python benchmarks/readers.py FOLDER            the taught quadruped on samples/cow.jpg
    python benchmarks/readers.py FOLDER data       the release under `data` on it

FOLDER keeps the files. trimesh reads GLB, OBJ and PLY; usd-core validates USDZ; node with `gltf-validator` on NODE_PATH
validates GLB; `blender` on the PATH writes FBX and reads all but PLY; `chromium`, with `three` on NODE_PATH, reads all
but USDZ, whose binary layers it does not know. A reader that is not there is left out.
"""

# usd-core has no types to check against.
# pyright: reportAttributeAccessIssue=false

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Queue
from tempfile import TemporaryDirectory
from typing import Any

import trimesh

from flows.plan.categories import shoulder_height
from tasks.inference.answer_files import encode_asset
from tasks.inference.image_io import load_image
from tasks.inference.photo_answer import answer_photo
from tasks.inference.select import select_model

Findings = dict[str, Any]
KINDS = ("glb", "obj", "ply", "usdz", "fbx")
VALIDATE = """
const bytes = new Uint8Array(require('fs').readFileSync(process.argv[1]));
require('gltf-validator').validateBytes(bytes).then(r => console.log(JSON.stringify(
    [r.issues.numErrors, r.issues.numWarnings, r.issues.numInfos, r.issues.numHints])));
"""
BLENDER = """
import json, sys
import bpy, numpy

if not hasattr(numpy, "bool"):
    numpy.bool = bool
seen = {}
for path in sys.argv[sys.argv.index("--") + 2:]:
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.context.scene.render.fps = 60
    kind = path.rpartition(".")[2]
    read = {"glb": bpy.ops.import_scene.gltf, "fbx": bpy.ops.import_scene.fbx, "usdz": bpy.ops.wm.usd_import,
            "obj": bpy.ops.wm.obj_import}[kind]
    read(filepath=path)
    armatures = [thing for thing in bpy.data.objects if thing.type == "ARMATURE"]
    meshes = [thing for thing in bpy.data.objects if thing.type == "MESH" and thing.find_armature() or kind == "obj"]
    places = [mesh.matrix_world @ vertex.co for mesh in meshes for vertex in mesh.data.vertices]
    seen[kind] = {
        "size": [round(max(p[i] for p in places) - min(p[i] for p in places), 4) for i in (0, 2, 1)],
        "lowest": round(min(p.z for p in places), 5),
        "bones": [len(armature.data.bones) for armature in armatures],
        "clips": {a.name: round((a.frame_range[1] - a.frame_range[0]) / 60, 3) for a in bpy.data.actions},
        "textures": [list(image.size) for image in bpy.data.images if image.size[0]],
    }
with open(sys.argv[sys.argv.index("--") + 1], "w") as file:
    json.dump(seen, file)
"""
PAGE = """<!doctype html><script type="importmap">{"imports": {"three": "./three/build/three.module.js"}}</script>
<script type="module">
import * as THREE from "three";
import { GLTFLoader } from "./three/examples/jsm/loaders/GLTFLoader.js";
import { FBXLoader } from "./three/examples/jsm/loaders/FBXLoader.js";
import { OBJLoader } from "./three/examples/jsm/loaders/OBJLoader.js";
import { PLYLoader } from "./three/examples/jsm/loaders/PLYLoader.js";
const round = number => Math.round(1e4 * number) / 1e4, seen = {};
for (const [kind, loader] of Object.entries(
    {glb: new GLTFLoader(), fbx: new FBXLoader(), obj: new OBJLoader(), ply: new PLYLoader()})) {
  try {
    const file = await loader.loadAsync(`animal.${kind}`);
    const scene = kind == "ply" ? new THREE.Mesh(file) : file.scene ?? file;
    const box = new THREE.Box3().setFromObject(scene), bones = new Set();
    scene.traverse(node => { if (node.isBone) bones.add(node.name); });
    seen[kind] = {
      size: box.getSize(new THREE.Vector3()).toArray().map(round), lowest: round(box.min.y), bones: bones.size,
      clips: Object.fromEntries((file.animations ?? []).map(clip => [clip.name, round(clip.duration)])),
      extras: file.asset?.extras};
  } catch (error) { seen[kind] = {error: String(error)}; }
}
await fetch("seen", {method: "POST", body: JSON.stringify(seen)});
</script>"""


def read_with_trimesh(file: Path) -> Findings:
    """Size, lowest point, and whether its surface is closed."""
    mesh: Any = trimesh.load(file, force="mesh")
    return {
        "size": [round(float(length), 4) for length in mesh.extents],
        "lowest": round(float(mesh.bounds[0][1]), 5),
        "triangles": len(mesh.faces),
        "looks": mesh.visual.kind,
    }


def validate_glb(file: Path) -> list[int] | None:
    """Errors, warnings, infos and hints of Khronos' validator."""
    done = subprocess.run(["node", "-e", VALIDATE, str(file)], capture_output=True, text=True, check=False)
    return json.loads(done.stdout) if done.returncode == 0 else None


def validate_usdz(file: Path) -> list[str]:
    """What the validators of usd-core complain about."""
    from pxr import Usd, UsdValidation

    validators = UsdValidation.ValidationRegistry().GetOrLoadAllValidators()
    errors = UsdValidation.ValidationContext(validators).Validate(Usd.Stage.Open(str(file)))
    return [error.GetErrorAsString() for error in errors]


def read_with_blender(files: list[Path]) -> Findings:
    """What Blender's importers see."""
    seen = files[0].with_name("blender.json")
    command = ["blender", "--background", "--factory-startup", "--python-exit-code", "1", "--python-expr", BLENDER]
    subprocess.run([*command, "--", str(seen), *map(str, files)], check=True, capture_output=True)
    return json.loads(seen.read_text())


def read_with_three(folder: Path) -> Findings:
    """What three.js sees in a headless browser."""
    three = next(path for root in os.environ["NODE_PATH"].split(":") if (path := Path(root, "three")).is_dir())
    (folder / "page.html").write_text(PAGE)
    (folder / "three").unlink(missing_ok=True)
    (folder / "three").symlink_to(three)
    told: Queue[bytes] = Queue()

    class Handler(SimpleHTTPRequestHandler):
        """Serves the folder, and takes what the page says."""

        def do_POST(self) -> None:
            """What was seen."""
            told.put(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(204)
            self.end_headers()

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    # Helpers of the browser outlive it by a moment and still write.
    with TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={profile}"]
        page = f"http://127.0.0.1:{server.server_port}/page.html"
        browser = subprocess.Popen([*command, page], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            return json.loads(told.get(timeout=600))
        finally:
            browser.kill()
            browser.wait()
            server.shutdown()


def main(folder: Path, root: str) -> None:
    """Write every format, let every reader look, and print what they saw."""
    folder.mkdir(parents=True, exist_ok=True)
    pixels, mask = load_image(Path("samples/cow.jpg"))
    (answer,) = answer_photo(pixels, select_model("cow", root), mask=mask, only_likeliest=True)
    asset = answer.asset(1024, shoulder_height("cow"))
    kinds = [kind for kind in KINDS if kind != "fbx" or shutil.which("blender")]
    found: Findings = {}
    for kind in kinds:
        start = time.process_time(), time.monotonic()
        for file, data in encode_asset(asset, folder / f"animal.{kind}").items():
            file.write_bytes(data)
        found[kind] = {
            "bytes": (folder / f"animal.{kind}").stat().st_size,
            "processor_s": round(time.process_time() - start[0], 1),
            "wall_s": round(time.monotonic() - start[1], 1),
        }
    files = {kind: folder / f"animal.{kind}" for kind in kinds}
    for kind in ("glb", "obj", "ply"):
        found[kind]["trimesh"] = read_with_trimesh(files[kind])
    found["glb"]["khronos"] = validate_glb(files["glb"])
    found["usdz"]["usd"] = validate_usdz(files["usdz"])
    if "fbx" in kinds:
        found["blender"] = read_with_blender([files[kind] for kind in kinds if kind != "ply"])
    if shutil.which("chromium") and "NODE_PATH" in os.environ:
        found["three"] = read_with_three(folder)
    sys.stdout.write(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else str(Path(sys.argv[1], "no-releases")))
