// Keeps the app itself, so that it opens without a network. What it shows is the SDK's business: /v1 passes by here.
const CACHE = "app-1";

self.addEventListener("install", (event) => {
  event.waitUntil(keepApp().then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  event.waitUntil(self.clients.claim());
});

self.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  if (event.request.method !== "GET" || url.origin !== location.origin || url.pathname.startsWith("/v1")) return;
  if (event.request.mode === "navigate") event.respondWith(page());
  else if (url.pathname.startsWith("/assets/") || url.pathname === "/icon.svg") event.respondWith(part(event.request));
});

// The page and what it names; names of assets carry their content's hash, so what is kept never goes stale.
async function keepApp() {
  const cache = await caches.open(CACHE);
  const answer = await fetch("/", { cache: "no-cache" });
  if (!answer.ok) throw new Error(`the page was answered ${answer.status}`);
  const html = await answer.clone().text();
  const named = [...html.matchAll(/(?:src|href)="(\/[^"]+)"/g)].map(([, path]) => path);
  await cache.addAll(named);
  await cache.put("/", answer);
  const wanted = new Set(["/", ...named]);
  for (const request of await cache.keys()) {
    if (!wanted.has(new URL(request.url).pathname)) await cache.delete(request);
  }
}

async function page() {
  try {
    const answer = await fetch("/", { cache: "no-cache" });
    const kept = await caches.match("/");
    if (answer.ok && (await answer.clone().text()) !== (await kept?.text())) keepApp().catch(() => {});
    return answer;
  } catch {
    return (await caches.match("/")) ?? Response.error();
  }
}

async function part(request) {
  const kept = await caches.match(request);
  return kept ?? fetch(request);
}
