import { defineConfig } from "vite";

export default defineConfig({
  esbuild: { jsx: "automatic" },
  // hakika-client lies beside us with a React of its own, for its tests: here there is one React.
  resolve: { dedupe: ["react", "react-dom"] },
  // `npm run dev`: the page from Vite on 5173, everything else from Flask.
  server: { proxy: { "/api": "http://localhost:5000" } },
});
