import { Failure, fail, STEPS } from "./faults.js";
import { utf8Length } from "./text.js";
import { typeOf, type Value } from "./values.js";

/** The values of one evaluation's names. */
export interface Bound {
  doc: Value | undefined;
  auth: Value;
  vars: Value;
  /** `request.time`, in milliseconds. */
  time: number | undefined;
}

/** One evaluation: what its names are bound to, and what it may still cost. */
export class Machine {
  private steps = STEPS;
  /** The elements of the enclosing macros. */
  readonly elements: Value[] = [];

  constructor(readonly bound: Bound) {}

  take(steps: number): void {
    this.steps -= Math.trunc(steps);
    if (this.steps < 0) throw new Failure(`The expression takes more than ${STEPS} steps.`, true);
  }

  /** For work on a long text. */
  takeForText(text: string): void {
    if (text.length > 1024) this.take(utf8Length(text) / 4096);
  }

  readonly step = (): void => this.take(1);
}

export type Run = (machine: Machine) => Value;
export type Condition = (machine: Machine) => boolean;

/** A compiled node. */
export interface Part {
  run: Run;
  /** The JSON that it is, where that is known from the source. */
  constant?: Value;
}

export function constantly(value: Value): Part {
  return { run: () => value, constant: value };
}

/** Takes a step each time. */
export function counted(run: Run): Run {
  return (machine) => {
    machine.take(1);
    return run(machine);
  };
}

/** The node as a condition: a value that is neither true nor false is an error. */
export function condition({ run }: Part): Condition {
  return (machine) => {
    const value = run(machine);
    return typeof value === "boolean" ? value : fail(`a ${typeOf(value)} is no condition`);
  };
}

/**
 * Asks conditions in turn until one has the truth value that decides alone (false for `&&` and `all`, true for `||` and
 * `exists`). An error decides nothing: it is the result if no other condition decides.
 */
export function decide(decider: boolean, machine: Machine, asks: Iterable<Condition>): boolean {
  let failure: unknown;
  for (const ask of asks) {
    try {
      if (ask(machine) === decider) return decider;
    } catch (error) {
      if (!(error instanceof Failure) || error.exhausted) throw error;
      failure ??= error;
    }
  }
  if (failure) throw failure;
  return !decider;
}
