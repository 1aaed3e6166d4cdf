/** The collections of a running server: `{name, definition}` each. */
export async function definitions(url, key) {
  if (!key)
    throw new Error("BASALT_KEY has to hold a service key with the scope admin (basalt keys create --scopes admin).");
  const headers = { authorization: `Bearer ${key}`, accept: "application/json" };
  const address = `${url.replace(/\/+$/, "")}/v1/admin/collections`;
  const answer = await fetch(address, { headers }).catch((error) => {
    throw new Error(`${address} can't be reached: ${error.cause?.message ?? error.message}`);
  });
  const body = await answer.json().catch(() => ({}));
  if (!answer.ok)
    throw new Error(`${address} answered ${answer.status}: ${body.detail ?? body.title ?? "no problem document"}`);
  if (!Array.isArray(body.items)) throw new Error(`${address} is no Basalt server's.`);
  return body.items;
}
