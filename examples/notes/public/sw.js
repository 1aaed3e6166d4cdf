// Keeps the app itself, so that it opens without a network. What it shows is the SDK's business: /v1 passes by here.
const CACHE = "app-1";
// Who asks is the same in all that is kept: this page.
const kept = (what) => caches.match(what, { ignoreVary: true });

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
    const former = await kept("/");
    if (answer.ok && (await answer.clone().text()) !== (await former?.text())) keepApp().catch(() => {});
    return answer;
  } catch {
    return (await kept("/")) ?? Response.error();
  }
}

async function part(request) {
  return (await kept(request)) ?? fetch(request);
}
