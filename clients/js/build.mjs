// Builds what a browser loads: `node build.mjs FOLDER`. React stays outside, and the React entry uses the plain one.
import { build } from "esbuild";

const folder = process.argv[2] ?? "dist";
const options = { bundle: true, minify: true, format: "esm", target: "es2022", charset: "utf8", legalComments: "none" };
const compilerOptions = { jsx: "react", jsxFactory: "createElement" };
const jsx = { tsconfigRaw: { compilerOptions }, inject: ["build-jsx.mjs"] };
const beside = {
  name: "the plain entry is a file beside",
  setup: ({ onResolve }) => onResolve({ filter: /^\.\/index\.js$/ }, ({ path }) => ({ path, external: true })),
};

await build({ ...options, entryPoints: ["src/index.ts"], outfile: `${folder}/index.js` });
await build({
  ...options,
  ...jsx,
  entryPoints: ["src/react.tsx"],
  outfile: `${folder}/react.js`,
  external: ["react"],
  plugins: [beside],
});
