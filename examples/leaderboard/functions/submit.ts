import { callable, FunctionError, type Json } from "basalt:functions";

interface Game {
  name: string;
  /** Points of each round, in order. */
  rounds: number[];
}

interface Standing {
  points: number;
  best: number;
  rank: number;
}

const MOST_IN_A_ROUND = 100;

const input: Json = {
  type: "object",
  required: ["name", "rounds"],
  properties: {
    name: { type: "string", minLength: 1, maxLength: 20 },
    rounds: { type: "array", minItems: 1, maxItems: 50, items: { type: "integer", minimum: 0 } },
  },
  additionalProperties: false,
};

/** A game is over: keeps the player's best and tells where it stands. What a browser adds up is not believed. */
export const submit = callable({ input: input as object }, async ({ name, rounds }: Game, ctx): Promise<Standing> => {
  if (ctx.auth === null) throw new FunctionError("unauthenticated", "Sign in to play.", undefined, 401);
  const cheated = rounds.findIndex((points) => points > MOST_IN_A_ROUND);
  if (cheated >= 0) {
    throw new FunctionError(
      "implausible",
      `A round brings ${MOST_IN_A_ROUND} points at most.`,
      { round: cheated },
      422,
    );
  }
  const points = rounds.reduce((sum, round) => sum + round, 0);
  const player = ctx.auth.id;
  const { db } = ctx.asService();

  // Two games that end at once must not forget each other.
  const best = await db.transaction(async (tx) => {
    const scores = tx.collection("scores");
    const before = await scores.find(player);
    const better = before === null || points > before.points;
    scores.put(player, {
      name: name.trim(),
      points: better ? points : before.points,
      reachedAt: better ? new Date().toISOString() : before.reachedAt,
      games: (before?.games ?? 0) + 1,
    });
    return better ? points : before.points;
  });

  const rank = 1 + (await db.collection("scores").where("points", ">", best).count());
  ctx.log.info("a game is over", { player, points, best, rank });
  return { points, best, rank };
});
