/** Two people, each with a browser, and one notebook. The tests are one story: each goes on where the one before ended. */
import { type Browser, chromium } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { noisePng } from "../../../sdk/js/tests/support/png.js";
import { Stage } from "../processes.js";
import { Person } from "./person.js";

let stage: Stage;
let browser: Browser;
let ann: Person;
let ben: Person;

beforeAll(async () => {
  stage = await Stage.open("notes");
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-dev-shm-usage"],
  });
  ann = await Person.arrive(browser, stage.url, "ann");
  ben = await Person.arrive(browser, stage.url, "ben");
});

afterEach(async ({ task }) => {
  if (task.result?.state !== "fail") return;
  await ann?.screenshot("failed-ann");
  await ben?.screenshot("failed-ben");
  process.stdout.write(`${ann?.complaints.concat(ben?.complaints ?? []).join("\n")}\n`);
});

afterAll(async () => {
  await browser?.close();
  await stage?.close();
});

describe("notes", { sequential: true }, () => {
  it("people sign up", async () => {
    await ann.look("sign-up");
    await ann.signUp();
    await ben.signUp();
    expect(ann.sockets.filter((url) => url.endsWith("/v1/realtime"))).toHaveLength(1);
    await ann.look("empty");
  });

  it("a name is taken once", async () => {
    const cat = await Person.arrive(browser, stage.url, "ann");
    await cat.page.getByLabel("Name").fill("ann");
    await cat.page.getByLabel("Password").fill("a long enough phrase");
    await cat.page.getByRole("button", { name: "Sign up" }).click();
    await cat.page.getByRole("alert").waitFor();
    await cat.page.close();
  });

  it("a note is shared, and the other sees it", async () => {
    await ann.write("Weekend", "A walk by the sea, and something good to eat.");
    await ann.addItem("bread");
    await ann.addItem("cheese");
    await ann.shareWith("ben");
    await ben.openNote("Weekend");
    await ben.item("cheese").waitFor();
    await ben.page.getByText("ann shares this note with you.").waitFor();
    await ann.write("Only hers", "Nobody else sees this.");
    await ann.openNote("Weekend");
    await ann.look("note");
    expect(await ben.card("Only hers").count()).toBe(0);
  });

  it("a picture is attached, and the other sees it", async () => {
    await ann.openNote("Weekend");
    await ann.choosePicture("sea.png", noisePng(200));
    await ann.sees(ann.picture("sea.png"));
    await ben.sees(ben.picture("sea.png"));
    await ben.page.getByRole("button", { name: "Show sea.png" }).click();
    await ben.sees(ben.page.getByRole("dialog").getByRole("img", { name: "sea.png" }));
    await ben.page.getByRole("button", { name: "Close" }).click();
    await ann.look("picture");
  });

  it("a big picture may be paused on its way, and the server may die meanwhile", async () => {
    // 12 MB, of which the first second takes less than a fifth.
    await ann.slowDown(2_000_000);
    await ann.choosePicture("hills.png", noisePng(2_000));
    await ann.page.waitForFunction(() => (document.querySelector("progress")?.value ?? 0) > 500_000);
    await ann.page.getByRole("button", { name: "Pause" }).click();
    await ann.look("upload");
    const sent = await ann.sent();
    await stage.killServer();
    await stage.startServer();
    expect(await ann.sent()).toBe(sent);
    await ann.slowDown(null);
    await ann.page.getByRole("button", { name: "Go on" }).click();
    await ann.sees(ann.picture("hills.png"));
    await ben.sees(ben.picture("hills.png"));
  });

  it("a picture that is no more is gone for both", async () => {
    await ben.page.getByRole("button", { name: "Remove hills.png" }).click();
    for (const person of [ann, ben]) await person.picture("hills.png").waitFor({ state: "detached" });
    await ann.choosePicture("hills.png", Buffer.from("no picture at all"));
    await ann.page.getByRole("region", { name: "Pictures" }).getByRole("alert").waitFor();
    await ann.openNote("Only hers");
    await ann.openNote("Weekend");
  });

  it("a change is seen by the other at once", async () => {
    const times: number[] = [];
    for (let round = 0; round < 10; round++) {
      const wanted = round % 2 === 0;
      const element = await ben.item("bread").elementHandle();
      const seen = ben.page.waitForFunction(([box, on]) => (box as HTMLInputElement).checked === on && Date.now(), [
        element,
        wanted,
      ] as const);
      const began = await ann.item("bread").evaluate((box: HTMLInputElement) => {
        const now = Date.now();
        box.click();
        return now;
      });
      times.push(Number(await (await seen).jsonValue()) - began);
    }
    times.sort((a, b) => a - b);
    const [median = Number.NaN, slowest = Number.NaN] = [times[5], times.at(-1)];
    process.stdout.write(`a change was seen after ${median} ms (median of 10; the slowest ${slowest} ms)\n`);
    // The aim is 200 ms; a machine that does other things too gets more.
    expect(median).toBeLessThan(2_000);
  });

  it("edits without a network are kept, also by a reload, and sent when it is back", async () => {
    await ben.openNote("Weekend");
    await ben.page.evaluate(() => navigator.serviceWorker.ready.then(() => {}));
    await ben.page.reload();
    await ben.status("Live");
    await ben.airplane(true);
    await ben.body.fill("A walk in the hills.");
    await ben.addItem("apples");
    await ben.page.locator(".note .tag.pending").waitFor();
    await ben.look("offline");
    await ben.page.reload();
    await ben.shows(ben.body, "A walk in the hills.");
    await ben.item("apples").waitFor();
    await ben.page.locator(".note .tag.pending").waitFor();
    // Meanwhile she changes something else of the same note.
    await ann.title.fill("The weekend");
    await ann.item("cheese").check();
    await ann.card("The weekend").waitFor();
    await ann.saved();
    await ben.airplane(false);
    for (const person of [ann, ben]) {
      await person.shows(person.body, "A walk in the hills.");
      await person.shows(person.title, "The weekend");
      await person.item("apples").waitFor();
      await person.saved();
    }
    expect(await ben.item("cheese").isChecked()).toBe(true);
  });

  it("what both changed is decided by who comes later", async () => {
    await ben.airplane(true);
    await ben.title.fill("Ben's weekend");
    await ben.page.locator(".note .tag.pending").waitFor();
    await ann.title.fill("Ann's weekend");
    await ann.card("Ann's weekend").waitFor();
    await ann.saved();
    await ben.airplane(false);
    const conflict = ben.page.getByRole("alert", { name: "Conflict" });
    await conflict.waitFor();
    await conflict.getByText("Ann's weekend").waitFor();
    await conflict.getByText("Ben's weekend").waitFor();
    await ben.look("conflict");
    await conflict.getByRole("button", { name: "Keep yours" }).click();
    await conflict.waitFor({ state: "detached" });
    await ann.shows(ann.title, "Ben's weekend");
    await ben.shows(ben.title, "Ben's weekend");
  });

  it("the server may die and come back", async () => {
    await stage.killServer();
    await ann.status(/Offline|Connecting/);
    await ann.addItem("pears");
    await stage.startServer();
    await ben.item("pears").waitFor();
    await ann.saved();
  });

  it("notes are found", async () => {
    await ann.page.getByRole("searchbox").fill("hill");
    await ann.page.locator("mark", { hasText: "hill" }).waitFor();
    expect(await ann.card("Only hers").count()).toBe(0);
    await ann.look("search");
    await ann.page.getByRole("searchbox").fill("");
    await ann.card("Only hers").waitFor();
  });

  it("who is no longer a member has nothing of it, and who signs out leaves nothing", async () => {
    await ann.page.getByRole("button", { name: "Stop sharing with ben" }).click();
    await ben.card("Ben's weekend").waitFor({ state: "detached" });
    await ben.page.getByText("No notes yet.").waitFor();
    await ann.page.getByRole("button", { name: "Sign out" }).click();
    await ann.page.getByRole("button", { name: "Sign up" }).waitFor();
    await ann.page.reload();
    await ann.page.getByRole("button", { name: "Sign up" }).waitFor();
  });

  it("nothing was complained of", () => {
    expect([...ann.complaints, ...ben.complaints]).toEqual([]);
  });
});
