/** What a running server has: collections (`{name, definition}` each) and functions (`{name, kind, input, output}`). */
export async function definitions(url, key) {
  const list = (room) => items(`${url.replace(/\/+$/, "")}/v1/admin/${room}`, key);
  return { collections: await list("collections"), functions: await list("functions") };
}

async function items(address, key) {
  if (!key)
    throw new Error("BASALT_KEY has to hold a service key with the scope admin (basalt keys create --scopes admin).");
  const headers = { authorization: `Bearer ${key}`, accept: "application/json" };
  const answer = await fetch(address, { headers }).catch((error) => {
    throw new Error(`${address} can't be reached: ${error.cause?.message ?? error.message}`);
  });
  const body = await answer.json().catch(() => ({}));
  if (!answer.ok)
    throw new Error(`${address} answered ${answer.status}: ${body.detail ?? body.title ?? "no problem document"}`);
  if (!Array.isArray(body.items)) throw new Error(`${address} is no Basalt server's.`);
  return body.items;
}
