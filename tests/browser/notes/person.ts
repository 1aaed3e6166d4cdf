/** Somebody with a browser of his own, and what he does in the notes app. */
import type { Browser, BrowserContext, BrowserContextOptions, CDPSession, Locator, Page } from "playwright-core";

/** Generous: it bounds a failure, not the app. */
const PATIENCE = 60_000;

export class Person {
  #devtools: CDPSession | null = null;

  private constructor(
    readonly name: string,
    readonly page: Page,
    private readonly context: BrowserContext,
    /** What the page complained of. */
    readonly complaints: string[],
    /** WebSockets that the page opened. */
    readonly sockets: string[],
  ) {}

  static async arrive(browser: Browser, url: string, name: string, options?: BrowserContextOptions): Promise<Person> {
    const context = await browser.newContext({ viewport: { width: 1200, height: 800 }, locale: "en-GB", ...options });
    context.setDefaultTimeout(PATIENCE);
    const page = await context.newPage();
    const complaints: string[] = [];
    const sockets: string[] = [];
    page.on("websocket", (socket) => sockets.push(socket.url()));
    page.on("pageerror", (error) => complaints.push(String(error)));
    page.on("console", (message) => {
      // Lost connections are what these tests are about; the browser tells of each.
      if (message.type() === "error" && !/net::|WebSocket|Failed to load resource/.test(message.text())) {
        complaints.push(message.text());
      }
    });
    await page.goto(url);
    return new Person(name, page, context, complaints, sockets);
  }

  async signUp(): Promise<void> {
    await this.page.getByLabel("Name").fill(this.name);
    await this.page.getByLabel("Password").fill("a long enough phrase");
    await this.page.getByRole("button", { name: "Sign up" }).click();
    await this.status("Live");
  }

  /** Until the page says so. */
  async status(word: string | RegExp): Promise<void> {
    await this.page.locator(".status", { hasText: word }).waitFor({ state: "attached" });
  }

  async write(title: string, body = ""): Promise<void> {
    await this.page.getByRole("button", { name: "New note" }).first().click();
    // Until then another note may be open.
    await this.page.getByRole("article", { name: "Untitled" }).waitFor();
    await this.title.fill(title);
    if (body) await this.body.fill(body);
    await this.card(title).waitFor();
    await this.saved();
  }

  async addItem(text: string): Promise<void> {
    await this.page.getByLabel("New item").fill(text);
    await this.page.getByRole("button", { name: "Add", exact: true }).click();
    await this.item(text).waitFor();
  }

  async shareWith(name: string): Promise<void> {
    await this.page.getByLabel("Share with").fill(name);
    await this.page.getByRole("button", { name: "Share", exact: true }).click();
    await this.page.getByRole("button", { name: `Stop sharing with ${name}` }).waitFor();
  }

  /** Chooses the file; what becomes of it is another matter. */
  async choosePicture(name: string, bytes: Buffer): Promise<void> {
    await this.page.getByLabel("Add a picture").setInputFiles({ name, mimeType: "image/png", buffer: bytes });
  }

  picture(name: string): Locator {
    return this.page.getByRole("img", { name, exact: true });
  }

  /** Until it is there, and really one. */
  async sees(picture: Locator): Promise<void> {
    const element = await picture.elementHandle();
    await this.page.waitForFunction((image) => (image as HTMLImageElement).naturalWidth > 0, element);
  }

  /** Bytes that have been sent of the upload under way. */
  async sent(): Promise<number> {
    return this.page.getByRole("progressbar", { name: "Upload" }).evaluate((bar: HTMLProgressElement) => bar.value);
  }

  /** So many bytes a second from now on; null: as many as there are. */
  async slowDown(uploadThroughput: number | null): Promise<void> {
    this.#devtools ??= await this.context.newCDPSession(this.page);
    await this.#devtools.send("Network.emulateNetworkConditions", {
      offline: false,
      latency: 0,
      downloadThroughput: -1,
      uploadThroughput: uploadThroughput ?? -1,
    });
  }

  async openNote(title: string): Promise<void> {
    await this.card(title).click();
    await this.title.waitFor();
  }

  /** Nothing waits to be sent. */
  async saved(): Promise<void> {
    await this.page.locator('.status[data-state="live"]').waitFor({ state: "attached" });
    await this.page.locator(".tag.pending").first().waitFor({ state: "detached" });
  }

  card(title: string): Locator {
    return this.page.getByRole("navigation").getByRole("button", { name: title });
  }

  item(text: string): Locator {
    return this.page.getByRole("checkbox", { name: `Done: ${text}` });
  }

  get title(): Locator {
    return this.page.getByRole("textbox", { name: "Title", exact: true });
  }

  get body(): Locator {
    return this.page.getByRole("textbox", { name: "Text", exact: true });
  }

  /** Until the field shows this. */
  async shows(field: Locator, value: string): Promise<void> {
    const element = await field.elementHandle();
    await this.page.waitForFunction(([node, wanted]) => (node as HTMLInputElement).value === wanted, [
      element,
      value,
    ] as const);
  }

  async airplane(on: boolean): Promise<void> {
    await this.context.setOffline(on);
    if (on) await this.status("Offline");
  }

  /** For people to look at, when SCREENSHOTS names a folder. */
  async screenshot(name: string): Promise<void> {
    const folder = process.env.SCREENSHOTS;
    if (folder) await this.page.screenshot({ path: `${folder}/${name}.png` });
  }

  async look(name: string): Promise<void> {
    await this.screenshot(name);
    await this.page.emulateMedia({ colorScheme: "dark" });
    await this.screenshot(`${name}-dark`);
    await this.page.emulateMedia({ colorScheme: "light" });
    const size = this.page.viewportSize();
    await this.page.setViewportSize({ width: 390, height: 780 });
    await this.screenshot(`${name}-phone`);
    if (size) await this.page.setViewportSize(size);
  }
}
