import { DEPTH, fault } from "./faults.js";
import { counted, type Part } from "./machine.js";
import type { Node } from "./syntax.js";

/** What is known while an expression is compiled. */
export class Context {
  /** The names of the enclosing macros' elements. */
  readonly variables: string[] = [];
  /** Whether the result depends on `request.time`. */
  usesTime = false;

  constructor(
    private readonly source: string,
    /** Whether `auth` is in scope: in rules it is, in filters not. */
    readonly auth: boolean,
    private readonly make: (context: Context, node: Node, depth: number) => Part,
  ) {}

  /** A node as a function. Each node is one step, as on the server. */
  build(node: Node, depth: number): Part {
    if (depth > DEPTH) throw this.fault(node, `The expression is nested deeper than ${DEPTH}.`);
    const { run, constant } = this.make(this, node, depth);
    return constant === undefined ? { run: counted(run) } : { run: counted(run), constant };
  }

  fault(node: Node, message: string) {
    return fault(this.source, node.at, message);
  }

  serverOnly(node: Node, what: string) {
    return fault(this.source, node.at, `${what} is known to the server only.`, "server_only");
  }
}
