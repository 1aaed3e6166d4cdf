/** Files that are made to run are opened in a browser, in every way that there is, and none runs. */
import { createServer, type Server } from "node:http";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CONTROL, CORPUS } from "./corpus.js";
import { FileServer } from "./server.js";

const OPEN = (bucket: string, more: string) => `
[buckets.${bucket}]
acknowledge = ["create", "update", "delete"]
${more}
[buckets.${bucket}.rules]
write = "true"
`;
/** One whose files are everybody's, one with rules, and one that lets pages run. */
const APP = [
  OPEN("site", "public = true"),
  `${OPEN("docs", "")}read = "true"\n`,
  OPEN("shown", 'public = true\ninline = ["text/html"]'),
].join("");

let server: FileServer;
let browser: Browser;
let context: BrowserContext;
let pages: Server;
/** What ran, and where it was seen. */
let ran: string[] = [];
/** The page that is served next. */
let served = "";

beforeAll(async () => {
  server = await FileServer.open(APP);
  pages = createServer((request, answer) => {
    if (request.url === "/ran") ran.push("a request");
    answer.setHeader("content-type", "text/html").end(served);
  });
  await new Promise<void>((ready) => pages.listen(0, "127.0.0.1", ready));
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-dev-shm-usage"],
  });
  context = await browser.newContext();
});

afterAll(async () => {
  await browser?.close();
  pages?.close();
  await server?.close();
});

/** A page that notes what runs in it, or in a frame of it. */
async function watched(): Promise<Page> {
  const page = await context.newPage();
  page.on("console", (message) => {
    if (message.text().includes("it ran")) ran.push(`the console: ${message.text()}`);
  });
  page.on("dialog", (dialog) => {
    ran.push("a dialog");
    void dialog.dismiss();
  });
  page.on("request", (request) => {
    if (request.url().endsWith("/ran")) ran.push("a request");
  });
  return page;
}

/** What is downloaded is not shown, and the browser says so by an error. */
async function visit(page: Page, url: string): Promise<void> {
  await page.goto(url, { waitUntil: "load" }).catch((error: Error) => {
    if (!/Download is starting|ERR_ABORTED/.test(error.message)) throw error;
  });
}

async function put(bucket: string, name: string, type: string, content: Uint8Array): Promise<string> {
  const url = `${server.url}/v1/buckets/${bucket}/files/${name}`;
  const answer = await fetch(url, { method: "PUT", headers: { "content-type": type }, body: Buffer.from(content) });
  expect([200, 201], await answer.clone().text()).toContain(answer.status);
  return url;
}

/** Every way to bring it into a page. */
function embedded(url: string): string {
  return `<!doctype html><title>outside</title>
    <iframe src="${url}"></iframe><object data="${url}"></object><embed src="${url}"><img src="${url}">
    <object data="${url}" type="image/svg+xml"></object><object data="${url}" type="text/html"></object>
    <video src="${url}"></video><link rel="stylesheet" href="${url}">`;
}

function outside(): string {
  const address = pages.address();
  return `http://127.0.0.1:${typeof address === "object" && address ? address.port : 0}/`;
}

describe("hostile files", () => {
  it("what runs is seen", async () => {
    served = CONTROL;
    const page = await watched();
    await page.goto(outside());
    await expect.poll(() => ran.length).toBeGreaterThan(2);
    await page.close();
    ran = [];
  });

  it("nothing runs of what is opened in a bucket", async () => {
    const page = await watched();
    for (const bucket of ["site", "docs"]) {
      for (const { name, types, content } of CORPUS) {
        const urls = await Promise.all(types.map((type, n) => put(bucket, `${n}/${name}`, type, content)));
        for (const url of urls) {
          await visit(page, url);
          expect(ran, `${url}: ${types.join(", ")}`).toEqual([]);
        }
        served = urls.map(embedded).join("");
        await page.goto(outside(), { waitUntil: "load" });
        // What runs at all has done so when a script that came later did.
        await page.evaluate(() => new Promise((next) => setTimeout(next, 0)));
        expect(ran, `${name} in ${bucket}, in a page`).toEqual([]);
      }
    }
    await page.close();
  });

  it("what a bucket lets run, runs as nobody", async () => {
    const script =
      "document.title = self.origin + ' ' + (() => { try { return document.cookie } catch { return 'none' } })()";
    const content = new TextEncoder().encode(`<!doctype html><script>${script}</script>`);
    const url = await put("shown", "app.html", "text/html", content);
    const page = await watched();
    await page.goto(url);
    expect(await page.title()).toBe("null none");
    await page.close();
  });

  it("no picture is a script", async () => {
    const gif = CORPUS.find(({ name }) => name === "picture.gif");
    const url = await put("site", "picture.gif", "image/gif", gif?.content ?? new Uint8Array());
    served = `<!doctype html><script src="${url}"></script>`;
    const page = await watched();
    await page.goto(outside(), { waitUntil: "load" });
    await page.close();
    expect(ran).toEqual([]);
  });
});
