// Reads the data set's movies.json and writes its records as documents of `movies`, 500 to a transaction.
// `node import.mjs URL FILE`, the service key in MOVIES_KEY. A second run changes nothing but the revisions.
import { readFile } from "node:fs/promises";

const BATCH = 500;
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const FIELDS = {
  Title: "title",
  "US Gross": "usGross",
  "Worldwide Gross": "worldwideGross",
  "US DVD Sales": "usDvdSales",
  "Production Budget": "productionBudget",
  "Release Date": "releaseDate",
  "MPAA Rating": "mpaaRating",
  "Running Time min": "runningTimeMin",
  Distributor: "distributor",
  Source: "source",
  "Major Genre": "genre",
  "Creative Type": "creativeType",
  Director: "director",
  "Rotten Tomatoes Rating": "rottenTomatoesRating",
  "IMDB Rating": "imdbRating",
  "IMDB Votes": "imdbVotes",
};

/** "Jun 12 1998" as a time; the text itself stays beside it, since some of its years are wrong (2046 for 1946). */
function released(text) {
  const match = /^(\w{3}) (\d{2}) (\d{4})$/.exec(text);
  const month = match && MONTHS.indexOf(match[1]) + 1;
  return month ? `${match[3]}-${String(month).padStart(2, "0")}-${match[2]}T00:00:00.000Z` : undefined;
}

function toDocument(record) {
  const data = {};
  for (const [from, to] of Object.entries(FIELDS)) data[to] = record[from];
  data.released = released(data.releaseDate);
  return data;
}

async function send(url, key, operations) {
  const response = await fetch(`${url}/v1/transactions`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify({ operations }),
  });
  if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
}

const [url, file] = process.argv.slice(2);
const key = process.env.MOVIES_KEY;
if (!url || !file || !key) {
  console.error("usage: MOVIES_KEY=KEY node import.mjs URL FILE");
  process.exit(2);
}
const records = JSON.parse(await readFile(file, "utf8"));
const operations = records.map((record, index) => ({
  op: "replace",
  collection: "movies",
  id: `m${String(index + 1).padStart(4, "0")}`,
  data: toDocument(record),
}));
for (let at = 0; at < operations.length; at += BATCH) await send(url, key, operations.slice(at, at + BATCH));
console.log(`${operations.length} movies imported`);
