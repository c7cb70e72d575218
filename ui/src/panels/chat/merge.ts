import type { Conversation, Turn } from './conversations';

/**
 * Brings together what two tabs made of a conversation since base, which both have seen: what only one of them changed,
 * added or dropped is as that one has it; where both changed the same, mine counts. Values that are the same object are
 * unchanged.
 */
export function merge(mine: Conversation, base: Conversation, stored: Conversation): Conversation {
  const pick = <K extends keyof Conversation>(name: K) =>
    mine[name] === base[name] ? stored[name] : mine[name];
  return {
    ...mine,
    title: pick('title'),
    model: pick('model'),
    system: pick('system'),
    options: pick('options'),
    turns: mergeTurns(mine.turns, base.turns, stored.turns),
    updatedAt: Math.max(mine.updatedAt, stored.updatedAt),
  };
}

function mergeTurns(mine: Turn[], base: Turn[], stored: Turn[]): Turn[] {
  const [here, before, there] = [mine, base, stored].map(
    (turns) => new Map(turns.map((turn) => [turn.id, turn])),
  );
  const kept = mine
    .filter(({ id }) => there!.has(id) || !before!.has(id))
    .map((turn) => (turn === before!.get(turn.id) ? (there!.get(turn.id) ?? turn) : turn));
  const added = stored.filter(({ id }) => !here!.has(id) && !before!.has(id));
  return [...kept, ...added];
}
