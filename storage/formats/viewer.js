// Shows rigged glTF binaries in a canvas: orbit, zoom, every clip, texture, bones, a lamp. WebGL 2, no library.
// Reads what storage/formats/glb.py writes: one skinned primitive of up to 48 bones, one texture, animations without scales.
"use strict";

const VERTEX = `#version 300 es
layout(location=0) in vec3 position; layout(location=1) in vec3 normal; layout(location=2) in vec2 uv;
layout(location=3) in uvec4 bones; layout(location=4) in vec4 weights;
uniform mat4 clip, view, joint[48];
out vec3 n; out vec2 at;
void main() {
  mat4 skin = weights.x * joint[bones.x] + weights.y * joint[bones.y] + weights.z * joint[bones.z] + weights.w * joint[bones.w];
  n = mat3(view) * mat3(skin) * normal; at = uv;
  gl_Position = clip * view * skin * vec4(position, 1);
}`;
const FRAGMENT = `#version 300 es
precision highp float;
in vec3 n; in vec2 at; uniform sampler2D coat; uniform vec3 lamp; uniform float textured; out vec4 color;
void main() {
  float light = 0.45 + 0.62 * max(0.0, dot(normalize(n), lamp));
  color = vec4(mix(vec3(0.75), texture(coat, at).rgb, textured) * light, 1);
}`;
const LINE_VERTEX = `#version 300 es
layout(location=0) in vec3 position; uniform mat4 clip, view;
void main() { gl_Position = clip * view * vec4(position, 1); gl_PointSize = 7.0; }`;
const LINE_FRAGMENT = `#version 300 es
precision highp float; out vec4 color; void main() { color = vec4(0.85, 0.25, 0.1, 1); }`;

// 4 x 4 matrices are column-major arrays of 16, as WebGL and glTF have them.
const identity = () => [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1];
function times(a, b) {
  const out = new Array(16);
  for (let c = 0; c < 4; c++) for (let r = 0; r < 4; r++)
    out[4 * c + r] = a[r] * b[4 * c] + a[4 + r] * b[4 * c + 1] + a[8 + r] * b[4 * c + 2] + a[12 + r] * b[4 * c + 3];
  return out;
}
function placed([x, y, z] = [0, 0, 0], [i, j, k, w] = [0, 0, 0, 1]) {
  return [1 - 2 * (j * j + k * k), 2 * (i * j + k * w), 2 * (i * k - j * w), 0,
          2 * (i * j - k * w), 1 - 2 * (i * i + k * k), 2 * (j * k + i * w), 0,
          2 * (i * k + j * w), 2 * (j * k - i * w), 1 - 2 * (i * i + j * j), 0, x, y, z, 1];
}
function perspective(fov, aspect, near, far) {
  const f = 1 / Math.tan(fov / 2);
  return [f / aspect, 0, 0, 0, 0, f, 0, 0, 0, 0, (far + near) / (near - far), -1, 0, 0, 2 * far * near / (near - far), 0];
}
function orbit(turn, lift, distance, centre) {
  const [s, c, u, v] = [Math.sin(turn), Math.cos(turn), Math.sin(lift), Math.cos(lift)];
  const spin = [c, -u * s, v * s, 0, 0, v, u, 0, -s, -u * c, v * c, 0, 0, 0, -distance, 1];
  return times(spin, placed(centre.map(x => -x)));
}

async function parse(bytes) {
  const words = new DataView(bytes);
  const jsonLength = words.getUint32(12, true);
  const doc = JSON.parse(new TextDecoder().decode(new Uint8Array(bytes, 20, jsonLength)));
  const start = 28 + jsonLength;
  const width = { SCALAR: 1, VEC2: 2, VEC3: 3, VEC4: 4, MAT4: 16 };
  const kind = { 5126: Float32Array, 5121: Uint8Array, 5125: Uint32Array };
  const array = index => {
    const a = doc.accessors[index];
    return new kind[a.componentType](bytes, start + doc.bufferViews[a.bufferView].byteOffset, a.count * width[a.type]);
  };
  const picture = doc.bufferViews[doc.images[0].bufferView];
  const blob = new Blob([new Uint8Array(bytes, start + picture.byteOffset, picture.byteLength)], { type: "image/png" });
  const part = doc.meshes[0].primitives[0], skin = doc.skins[0];
  return {
    nodes: doc.nodes, roots: doc.scenes[0].nodes, joints: skin.joints, inverse: array(skin.inverseBindMatrices),
    attributes: ["POSITION", "NORMAL", "TEXCOORD_0", "JOINTS_0", "WEIGHTS_0"].map(name => array(part.attributes[name])),
    bounds: doc.accessors[part.attributes.POSITION], faces: array(part.indices), coat: await createImageBitmap(blob),
    clips: (doc.animations || []).map(clip => ({ name: clip.name, channels: clip.channels.map(channel => ({
      node: channel.target.node, path: channel.target.path, times: array(clip.samplers[channel.sampler].input),
      values: array(clip.samplers[channel.sampler].output) })) })),
  };
}

// World matrices of all nodes, in the bind pose or at a moment of a clip.
function pose(model, clip, seconds) {
  const turns = model.nodes.map(node => node.rotation), shifts = model.nodes.map(node => node.translation), world = [];
  for (const { node, path, times: t, values } of clip ? clip.channels : []) {
    const now = seconds % t[t.length - 1];
    let key = 0;
    while (key < t.length - 2 && t[key + 1] <= now) key++;
    const share = (now - t[key]) / (t[key + 1] - t[key]);
    const width = path === "rotation" ? 4 : 3, axes = [...Array(width).keys()];
    const mixed = axes.map(i => (1 - share) * values[width * key + i] + share * values[width * (key + 1) + i]);
    const length = Math.hypot(...mixed);
    if (path === "rotation") turns[node] = mixed.map(x => x / length);
    else shifts[node] = mixed;
  }
  const place = (index, above) => {
    world[index] = times(above, placed(shifts[index], turns[index]));
    for (const child of model.nodes[index].children || []) place(child, world[index]);
  };
  for (const root of model.roots) place(root, identity());
  return world;
}

function program(gl, vertex, fragment) {
  const linked = gl.createProgram();
  for (const [kind, source] of [[gl.VERTEX_SHADER, vertex], [gl.FRAGMENT_SHADER, fragment]]) {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(linked, shader);
  }
  gl.linkProgram(linked);
  if (!gl.getProgramParameter(linked, gl.LINK_STATUS)) throw new Error(gl.getProgramInfoLog(linked));
  return linked;
}

function upload(gl, model) {
  model.vao = gl.createVertexArray();
  gl.bindVertexArray(model.vao);
  [3, 3, 2, 4, 4].forEach((size, slot) => {
    gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
    gl.bufferData(gl.ARRAY_BUFFER, model.attributes[slot], gl.STATIC_DRAW);
    gl.enableVertexAttribArray(slot);
    if (slot === 3) gl.vertexAttribIPointer(slot, size, gl.UNSIGNED_BYTE, 0, 0);
    else gl.vertexAttribPointer(slot, size, gl.FLOAT, false, 0, 0);
  });
  gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, gl.createBuffer());
  gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, model.faces, gl.STATIC_DRAW);
  gl.bindVertexArray(null);
  model.texture = gl.createTexture();
  gl.bindTexture(gl.TEXTURE_2D, model.texture);
  gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, gl.RGBA, gl.UNSIGNED_BYTE, model.coat);
  gl.generateMipmap(gl.TEXTURE_2D);
  const { min, max } = model.bounds;
  model.centre = min.map((low, axis) => (low + max[axis]) / 2);
  model.radius = Math.hypot(...min.map((low, axis) => (max[axis] - low) / 2));
}

function viewer(root) {
  const canvas = root.querySelector("canvas"), gl = canvas.getContext("webgl2", { antialias: true });
  const control = name => root.querySelector(`[name=${name}]`);
  if (!gl) { root.querySelector("output").textContent = "This browser offers no WebGL 2; download the GLB instead."; return; }
  const body = program(gl, VERTEX, FRAGMENT), lines = program(gl, LINE_VERTEX, LINE_FRAGMENT);
  const buffer = gl.createBuffer(), models = {};
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  let eye = { turn: 0.9, lift: 0.22, zoom: 1 }, touched = still, model = null;

  function bytes() {
    const text = atob(document.getElementById(control("model").value).textContent.trim());
    return Uint8Array.from(text, letter => letter.charCodeAt(0));
  }
  function download() {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([bytes()], { type: "model/gltf-binary" }));
    link.download = control("model").selectedOptions[0].text + ".glb";
    link.click();
  }
  async function choose() {
    const name = control("model").value;
    if (!models[name]) {
      models[name] = await parse(bytes().buffer);
      upload(gl, models[name]);
    }
    model = models[name];
    const motion = control("motion"), wanted = motion.value || "walk";
    const names = model.clips.map(clip => clip.name).filter(clip => !clip.endsWith("_forward"));
    motion.replaceChildren(...[...names, ""].map(clip => new Option(clip || "bind pose", clip)));
    motion.value = names.includes(wanted) ? wanted : "";
  }
  function draw(milliseconds) {
    requestAnimationFrame(draw);
    if (!model) return;
    const size = [canvas.clientWidth, canvas.clientHeight].map(side => Math.round(side * devicePixelRatio));
    if (canvas.width !== size[0] || canvas.height !== size[1]) [canvas.width, canvas.height] = size;
    if (!touched) eye.turn = 0.9 + milliseconds / 4000;
    const clip = model.clips.find(each => each.name === control("motion").value);
    const world = pose(model, clip, milliseconds / 1000);
    const distance = 0.8 * model.radius / Math.sin(0.3) / Math.min(1, size[0] / size[1]) * eye.zoom;
    const project = perspective(0.6, size[0] / size[1], distance / 50, distance * 5);
    const view = orbit(eye.turn, eye.lift, distance, model.centre);
    const joints = model.joints.flatMap((node, slot) => times(world[node], model.inverse.subarray(16 * slot, 16 * slot + 16)));
    const angle = control("lamp").value * Math.PI / 180, lamp = [Math.sin(angle), 0.6, Math.cos(angle)];
    const length = Math.hypot(...lamp);
    gl.viewport(0, 0, ...size);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    gl.enable(gl.DEPTH_TEST);
    gl.useProgram(body);
    for (const [name, value] of [["clip", project], ["view", view], ["joint", joints]])
      gl.uniformMatrix4fv(gl.getUniformLocation(body, name), false, value);
    gl.uniform3fv(gl.getUniformLocation(body, "lamp"), lamp.map(x => x / length));
    gl.uniform1f(gl.getUniformLocation(body, "textured"), control("texture").checked ? 1 : 0);
    gl.bindTexture(gl.TEXTURE_2D, model.texture);
    gl.bindVertexArray(model.vao);
    gl.drawElements(gl.TRIANGLES, model.faces.length, gl.UNSIGNED_INT, 0);
    gl.bindVertexArray(null);
    if (control("bones").checked) skeleton(project, view, world);
  }
  function skeleton(project, view, world) {
    const points = [], at = node => world[node].slice(12, 15);
    for (const node of model.joints)
      for (const child of model.nodes[node].children || []) points.push(...at(node), ...at(child));
    gl.disable(gl.DEPTH_TEST);
    gl.useProgram(lines);
    gl.uniformMatrix4fv(gl.getUniformLocation(lines, "clip"), false, project);
    gl.uniformMatrix4fv(gl.getUniformLocation(lines, "view"), false, view);
    gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
    gl.bufferData(gl.ARRAY_BUFFER, new Float32Array(points), gl.DYNAMIC_DRAW);
    gl.enableVertexAttribArray(0);
    gl.vertexAttribPointer(0, 3, gl.FLOAT, false, 0, 0);
    gl.drawArrays(gl.LINES, 0, points.length / 3);
    gl.drawArrays(gl.POINTS, 0, points.length / 3);
  }
  function look(turn, lift, zoom) {
    touched = true;
    eye = { turn: eye.turn + turn, lift: Math.max(-1.4, Math.min(1.4, eye.lift + lift)), zoom: Math.max(0.4, Math.min(3, eye.zoom * zoom)) };
  }
  canvas.addEventListener("pointerdown", event => canvas.setPointerCapture(event.pointerId));
  canvas.addEventListener("pointermove", event => event.buttons && look(-event.movementX / 120, event.movementY / 120, 1));
  canvas.addEventListener("wheel", event => { event.preventDefault(); look(0, 0, Math.exp(event.deltaY / 800)); }, { passive: false });
  canvas.addEventListener("keydown", event => {
    const step = { ArrowLeft: [0.1, 0, 1], ArrowRight: [-0.1, 0, 1], ArrowUp: [0, 0.1, 1], ArrowDown: [0, -0.1, 1], "+": [0, 0, 0.9], "-": [0, 0, 1.1] }[event.key];
    if (step) { event.preventDefault(); look(...step); }
  });
  control("model").addEventListener("change", choose);
  control("download").addEventListener("click", download);
  choose();
  requestAnimationFrame(draw);
}
document.querySelectorAll(".viewer").forEach(viewer);
