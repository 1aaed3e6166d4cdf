export { difference } from "./difference.js";
export { deepEqual } from "./json.js";
export { applyMutation } from "./mutate.js";
export { compareBy } from "./order.js";
export { compileQuery, type LocalQuery, type QueryOptions } from "./query.js";
