// Bundles viewer.js with the parts of three.js that it uses. The first line of the bundle says what it was made from.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { build } from "esbuild";

const sha256 = createHash("sha256").update(readFileSync("viewer.js")).digest("hex");
const { version } = JSON.parse(readFileSync("node_modules/three/package.json", "utf8"));
const licence = readFileSync("node_modules/three/LICENSE", "utf8").trim();
await build({
  entryPoints: ["viewer.js"],
  outfile: "../storage/formats/page/viewer.min.js",
  bundle: true,
  minify: true,
  format: "iife",
  target: "es2022",
  legalComments: "none",
  banner: { js: `/* viewer.js of farm3d (MIT), sha256 ${sha256}, with three.js ${version}:\n\n${licence}\n*/` },
});
