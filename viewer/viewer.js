// The 3D view of a report: orbit, clips, lamps, wireframe and bones of the GLBs in the page, drawn by three.js.
// `npm ci && npm run build` in this folder writes storage/formats/page/viewer.min.js, which the page holds.
import {
  AnimationMixer, Box3, BufferAttribute, BufferGeometry, Color, DirectionalLight, GridHelper, HemisphereLight,
  PerspectiveCamera, Points, PointsMaterial, Scene, SkeletonHelper, Vector3, WebGLRenderer,
} from "three";
import { OrbitControls } from "three/addons/controls/OrbitControls.js";
import { GLTFLoader } from "three/addons/loaders/GLTFLoader.js";

// Colour and strength of the sun, its height, and the strength of the sky.
const LAMPS = {
  daylight: { colour: 0xffffff, sun: 2.6, height: 0.8, sky: 1.4 },
  overcast: { colour: 0xffffff, sun: 0.5, height: 1.5, sky: 2.8 },
  evening: { colour: 0xffa45c, sun: 4.2, height: 0.2, sky: 0.6 },
};
const BONES = new Color(0xe0522a);
const FIRST_VIEW = new Vector3(0.8, 0.28, 0.55);
const STILL = matchMedia("(prefers-reduced-motion: reduce)").matches;

function bytesOfModel(root) {
  const text = atob(document.getElementById(root.querySelector("[name=model]").value).textContent.trim());
  return Uint8Array.from(text, letter => letter.charCodeAt(0));
}

function saveModel(root) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([bytesOfModel(root)], { type: "model/gltf-binary" }));
  link.download = `${root.querySelector("[name=model]").selectedOptions[0].text}.glb`;
  link.click();
  URL.revokeObjectURL(link.href);
}

class View {
  constructor(root, gl) {
    this.root = root;
    this.canvas = root.querySelector("canvas");
    this.renderer = new WebGLRenderer({ canvas: this.canvas, context: gl, alpha: true, antialias: true });
    this.renderer.setClearAlpha(0);
    this.scene = new Scene();
    this.camera = new PerspectiveCamera(30, 1, 0.01, 100);
    this.sky = new HemisphereLight(0xffffff, 0x8a8478, 1);
    this.sun = new DirectionalLight(0xffffff, 1);
    this.scene.add(this.sky, this.sun);
    this.models = new Map();
    this.isStale = true;
    this.isSeen = true;
    this.listen();
  }

  control(name) {
    return this.root.querySelector(`[name=${name}]`);
  }

  listen() {
    const orbit = (this.orbit = new OrbitControls(this.camera, this.canvas));
    this.canvas.style.touchAction = "pan-y"; // a thumb that moves up or down scrolls the page
    Object.assign(orbit, { enablePan: false, enableZoom: false, autoRotate: !STILL, autoRotateSpeed: 1.5 });
    orbit.addEventListener("start", () => (orbit.autoRotate = false));
    orbit.addEventListener("change", () => (this.isStale = true));
    // The wheel scrolls the page until somebody takes hold of the view.
    this.canvas.addEventListener("focus", () => (orbit.enableZoom = true));
    this.canvas.addEventListener("blur", () => (orbit.enableZoom = false));
    this.canvas.addEventListener("pointerdown", () => this.canvas.focus({ preventScroll: true }));
    this.canvas.addEventListener("keydown", event => this.press(event));
    this.canvas.addEventListener("webglcontextlost", () => showPictures(this.root, "The graphics card gave up."));
    this.control("model").addEventListener("change", () => this.choose());
    this.control("motion").addEventListener("change", () => this.play());
    this.control("pause").addEventListener("click", () => this.pause());
    for (const name of ["lamp", "direction", "texture", "wireframe", "bones"])
      this.control(name).addEventListener("input", () => this.dress());
    new ResizeObserver(() => this.resize()).observe(this.canvas);
    new IntersectionObserver(([entry]) => (this.isSeen = entry.isIntersecting)).observe(this.canvas);
  }

  press(event) {
    const turn = { ArrowLeft: 0.1, ArrowRight: -0.1 }[event.key], lift = { ArrowUp: 0.1, ArrowDown: -0.1 }[event.key];
    const zoom = { "+": 0.9, "=": 0.9, "-": 1.1 }[event.key];
    if (!turn && !lift && !zoom) return;
    event.preventDefault();
    this.orbit.autoRotate = false;
    if (turn) this.orbit.rotateLeft(turn);
    if (lift) this.orbit.rotateUp(lift);
    if (zoom) this.camera.position.sub(this.orbit.target).multiplyScalar(zoom).add(this.orbit.target);
    this.orbit.update();
  }

  async choose() {
    const name = this.control("model").value;
    if (!this.models.has(name)) this.models.set(name, await this.load());
    // Another one may have been chosen meanwhile, and be drawn already.
    if (this.control("model").value !== name) return;
    if (this.model) this.scene.remove(this.model.group, ...this.model.extras);
    this.model = this.models.get(name);
    this.scene.add(this.model.group, ...this.model.extras);
    this.frame();
    const motion = this.control("motion"), wanted = motion.value || "walk";
    // Clips that also move over the ground would walk out of the picture.
    const names = this.model.clips.map(clip => clip.name).filter(clip => !clip.endsWith("_forward"));
    motion.replaceChildren(...names.map(clip => new Option(clip, clip)), new Option("bind pose", ""));
    motion.value = names.includes(wanted) ? wanted : "";
    this.play();
    this.dress();
    this.show();
    this.root.dataset.state = "drawn";
  }

  async load() {
    const { scene: group, animations: clips } = await new GLTFLoader().parseAsync(bytesOfModel(this.root).buffer, "");
    const meshes = [], bones = [];
    group.traverse(node => {
      if (node.isMesh) meshes.push(node);
      if (node.isBone) bones.push(node);
      node.frustumCulled = false;
    });
    for (const mesh of meshes) mesh.userData = { map: mesh.material.map, color: mesh.material.color.clone() };
    const box = new Box3().setFromObject(group), size = box.getSize(new Vector3());
    const grid = new GridHelper(2 * Math.ceil(size.length()), 4 * Math.ceil(size.length()), 0x888888, 0x888888);
    Object.assign(grid.material, { transparent: true, opacity: 0.22 });
    grid.position.y = box.min.y;
    const model = { group, clips, meshes, bones, box, mixer: new AnimationMixer(group), extras: [grid] };
    if (bones.length) {
      const lines = new SkeletonHelper(group);
      lines.setColors(BONES, BONES);
      const places = new BufferGeometry().setAttribute("position", new BufferAttribute(new Float32Array(3 * bones.length), 3));
      const joints = new Points(places, new PointsMaterial({ color: BONES, size: 7, sizeAttenuation: false, depthTest: false }));
      joints.frustumCulled = false;
      model.skeleton = { lines, joints };
      model.extras.push(lines, joints);
    }
    return model;
  }

  frame() {
    const { box } = this.model, centre = box.getCenter(new Vector3());
    const direction = this.wasFramed ? this.camera.position.clone().sub(this.orbit.target) : FIRST_VIEW.clone();
    this.wasFramed = true;
    this.radius = box.getSize(new Vector3()).length() / 2;
    this.orbit.target.copy(centre);
    this.camera.position.copy(centre).addScaledVector(direction.normalize(), this.distance());
    Object.assign(this.camera, { near: this.radius / 20, far: this.radius * 40 });
    Object.assign(this.orbit, { minDistance: this.radius * 1.2, maxDistance: this.radius * 12 });
    this.resize();
  }

  distance() {
    return (0.85 * this.radius) / Math.sin((15 * Math.PI) / 180) / Math.min(1, this.canvas.clientWidth / this.canvas.clientHeight);
  }

  resize() {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    if (!width || !height) return;
    this.renderer.setPixelRatio(Math.min(devicePixelRatio, 2));
    this.renderer.setSize(width, height, false);
    this.camera.aspect = width / height;
    this.camera.updateProjectionMatrix();
    this.orbit.update();
    this.isStale = true;
  }

  play() {
    const { mixer, clips } = this.model, clip = clips.find(one => one.name === this.control("motion").value);
    mixer.stopAllAction();
    if (clip) mixer.clipAction(clip).play();
    if (this.isPaused === undefined) this.isPaused = STILL;
    this.pause(this.isPaused);
    mixer.update(0);
    this.isStale = true;
  }

  pause(paused = !this.isPaused) {
    this.isPaused = paused;
    this.control("pause").textContent = paused ? "play" : "pause";
    this.orbit.autoRotate &&= !paused;
  }

  dress() {
    const [lamp, angle] = [LAMPS[this.control("lamp").value], (this.control("direction").value * Math.PI) / 180];
    this.sun.color.set(lamp.colour);
    this.sun.intensity = lamp.sun;
    this.sun.position.set(Math.sin(angle), lamp.height, Math.cos(angle));
    this.sky.intensity = lamp.sky;
    for (const { material, userData } of this.model.meshes) {
      material.wireframe = this.control("wireframe").checked;
      material.emissive.set(material.wireframe ? 0x585858 : 0); // lines of a black coat are seen in the dark too
      material.map = this.control("texture").checked ? userData.map : null;
      material.color.copy(this.control("texture").checked ? userData.color : new Color(0xb8b8b8));
      material.needsUpdate = true;
    }
    for (const helper of Object.values(this.model.skeleton ?? {})) helper.visible = this.control("bones").checked;
    this.control("bones").disabled = !this.model.skeleton;
    this.isStale = true;
  }

  draw(seconds) {
    if (!this.model || !this.isSeen) return;
    const moves = !this.isPaused && this.control("motion").value;
    if (moves) this.model.mixer.update(seconds);
    if (this.orbit.autoRotate) this.orbit.update(seconds);
    if (moves || this.isStale) this.show();
  }

  show() {
    if (this.model.skeleton) this.placeJoints();
    this.renderer.render(this.scene, this.camera);
    this.isStale = false;
  }

  placeJoints() {
    const { joints } = this.model.skeleton, { position } = joints.geometry.attributes, at = new Vector3();
    this.model.bones.forEach((bone, slot) => position.setXYZ(slot, ...bone.getWorldPosition(at)));
    position.needsUpdate = true;
  }
}

// Without a picture of its own the view shows those of the page, and says why.
function showPictures(root, why) {
  const pictures = [...document.querySelectorAll(root.dataset.pictures)].map(picture => picture.cloneNode());
  root.dataset.state = "pictures";
  root.querySelector("canvas").hidden = true;
  root.querySelector(".message").replaceChildren(`${why} Here are pictures; the animal itself can be saved.`, ...pictures);
  for (const control of root.querySelectorAll(".controls [name]"))
    control.disabled = !["model", "download"].includes(control.name);
}

async function start(root) {
  // Asked for before three.js does, which would write an error to the console.
  const gl = root.querySelector("canvas").getContext("webgl2", { antialias: true, alpha: true });
  root.querySelector("[name=download]").addEventListener("click", () => saveModel(root));
  if (!gl) return showPictures(root, "This browser has no WebGL 2, so nothing can be turned round.");
  try {
    const view = new View(root, gl);
    await view.choose();
    let last = performance.now();
    const step = now => {
      view.draw((now - last) / 1000);
      last = now;
      requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
  } catch (error) {
    showPictures(root, `The animal cannot be shown (${error.message}).`);
  }
}

document.querySelectorAll(".viewer").forEach(start);
