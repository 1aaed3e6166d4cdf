import react from "@vitejs/plugin-react";
import { defineConfig, loadEnv } from "vite";

// The app asks its own origin; this hands on to the server, as a reverse proxy does in production.
export default defineConfig(({ mode }) => {
  const server = loadEnv(mode, ".", "BASALT_").BASALT_URL ?? "http://127.0.0.1:7070";
  const proxy = { "/v1": { target: server, ws: true } };
  return {
    plugins: [react()],
    // The SDK is linked, and would bring the React that it is tested with.
    resolve: { dedupe: ["react", "react-dom"] },
    // The linked SDK lies outside of this folder.
    server: { proxy, fs: { allow: ["../.."] } },
    preview: { proxy },
    build: { target: "es2022" },
  };
});
