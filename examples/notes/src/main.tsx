import { BasaltProvider } from "@basalt/react";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./App";
import { client } from "./client";
import "./styles.css";

const root = document.getElementById("root");
if (root) {
  createRoot(root).render(
    <StrictMode>
      <BasaltProvider client={client}>
        <App />
      </BasaltProvider>
    </StrictMode>,
  );
}

// While developing, a kept page would hide what was changed.
if (import.meta.env.PROD && "serviceWorker" in navigator) navigator.serviceWorker.register("/sw.js");
