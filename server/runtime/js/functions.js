// The module `basalt:functions`. Its values come by a global of its name, which is gone before an app's code runs.
const given = globalThis["basalt:functions"];
delete globalThis["basalt:functions"];

export const {
  callable,
  http,
  onDocument,
  beforeDocument,
  onFile,
  onUser,
  beforeUser,
  onSchedule,
  onMessage,
  FunctionError,
  where,
  cel,
  all,
  any,
  not,
} = given;

export const increment = (by = 1) => ({ $increment: by });
export const max = (value) => ({ $max: value });
export const min = (value) => ({ $min: value });
export const union = (...values) => ({ $union: values });
export const remove = (...values) => ({ $remove: values });
export const append = (...values) => ({ $append: values });
export const serverNow = () => ({ $now: true });
export const set = (value) => ({ $set: value });
export const unset = () => ({ $unset: true });
