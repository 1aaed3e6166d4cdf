// What generated requests may call.
import { beforeDocument, callable, FunctionError, onDocument, onSchedule } from "basalt:functions";

export const echo = callable({ invoke: "true" }, (input: unknown) => input ?? null);

const input = { type: "object", required: ["n"], properties: { n: { type: "integer" } }, additionalProperties: false };

export const add = callable({ invoke: "true", input, timeout: "500ms" }, async (given: { n: number }) => {
  if (given.n < 0) throw new FunctionError("below_zero", "Not below zero.", { n: given.n }, 422);
  return { n: given.n + 1 };
});

export const seen = onDocument("things", { on: ["create", "update"], retries: 1 }, async () => {});

export const stamp = beforeDocument("things", { on: ["create", "update"] }, async (change: { next: object }) => change.next);

export const yearly = onSchedule("0 3 1 1 *", async () => {});
