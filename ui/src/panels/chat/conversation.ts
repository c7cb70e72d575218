import type { MessageInitShape } from '@bufbuild/protobuf';
import type { ChatOptionsSchema } from '../../gen/paddock/v1/ollama_pb';

/** What a conversation is held with. */
export interface Settings {
  /** Empty: the server's default. */
  model: string;
  system: string;
  options: Omit<MessageInitShape<typeof ChatOptionsSchema>, 'seed' | '$typeName'> & { seed?: number };
}

export interface Prompt {
  id: string;
  role: 'user';
  content: string;
}

export interface Answer {
  id: string;
  role: 'assistant';
  /** What has arrived. */
  content: string;
  model: string;
  /** cut: the token limit was reached. failed: fault says why. */
  state: 'running' | 'done' | 'cut' | 'stopped' | 'failed';
  fault?: string;
  /** Of the contract, when the server gave one. */
  reason?: string;
  /** When another try makes sense, in milliseconds since 1970, when the server said so. */
  retryAt?: number;
  stats?: Stats;
}

/** What an answer cost. */
export interface Stats {
  tokens: number;
  /** From the question to the last token. */
  seconds: number;
  tokensPerSecond: number;
}

export type Turn = Prompt | Answer;

/** Values are never changed in place. */
export interface Conversation extends Settings {
  id: string;
  title: string;
  turns: Turn[];
  /** Milliseconds since 1970. */
  updatedAt: number;
}

/** Those in which every word of the query occurs, in the title or in what was said. */
export function search(conversations: Conversation[], query: string): Conversation[] {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return conversations;
  return conversations.filter((conversation) => {
    const text = [conversation.title, ...conversation.turns.map((turn) => turn.content)]
      .join('\n')
      .toLowerCase();
    return words.every((word) => text.includes(word));
  });
}

export function isRunning(conversation: Conversation | undefined): boolean {
  return runs(conversation?.turns.at(-1));
}

export function runs(turn: Turn | undefined): turn is Answer {
  return turn?.role === 'assistant' && turn.state === 'running';
}

/** With this answer, or all, no longer running. */
export function stopped(conversation: Conversation, answerId?: string): Conversation {
  const turns = conversation.turns.map((turn) =>
    runs(turn) && turn.id === (answerId ?? turn.id) ? { ...turn, state: 'stopped' as const } : turn,
  );
  return { ...conversation, turns };
}

export function isConversation(value: unknown): value is Conversation {
  const { id, title, model, system, options, turns, updatedAt } = Object(value) as Partial<Conversation>;
  return (
    [id, title, model, system].every((text) => typeof text === 'string') &&
    typeof updatedAt === 'number' &&
    typeof options === 'object' &&
    options !== null &&
    Array.isArray(turns) &&
    turns.every((turn) => typeof turn?.id === 'string' && typeof turn.content === 'string')
  );
}
