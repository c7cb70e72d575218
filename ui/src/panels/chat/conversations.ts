import type { MessageInitShape } from '@bufbuild/protobuf';
import type { ChatOptionsSchema } from '../../gen/paddock/v1/ollama_pb';

/** What a conversation is held with. */
export interface Settings {
  /** Empty: the server's default. */
  model: string;
  system: string;
  options: MessageInitShape<typeof ChatOptionsSchema>;
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

/** The conversations of one user, kept in this browser and sent nowhere. Other tabs' changes are followed. */
export class Conversations {
  readonly #prefix: string;
  readonly #listeners = new Set<() => void>();
  readonly #byId = new Map<string, Conversation>();
  #newestFirst: Conversation[] = [];

  constructor(userId: string) {
    this.#prefix = `paddock.chat.${userId}.`;
    for (const key of Object.keys(localStorage)) this.#load(key);
    this.#changed();
    addEventListener('storage', ({ key }) => {
      if (key === null) this.#byId.clear();
      else this.#load(key);
      this.#changed();
    });
  }

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** As they were last kept, the newest first; the same list until then. */
  all = (): Conversation[] => this.#newestFirst;

  /** As it is, with what has just arrived. */
  get(id: string): Conversation | undefined {
    return this.#byId.get(id);
  }

  /** Changes the conversation without writing it down, for what comes many times a second. */
  show(conversation: Conversation): void {
    this.#byId.set(conversation.id, conversation);
    this.#tell();
  }

  /** Writes the conversation down. Throws when the browser has no room left; it is shown all the same. */
  keep(conversation: Conversation): void {
    this.#byId.set(conversation.id, conversation);
    this.#changed();
    localStorage.setItem(this.#prefix + conversation.id, JSON.stringify(conversation));
  }

  remove(id: string): void {
    this.#byId.delete(id);
    localStorage.removeItem(this.#prefix + id);
    this.#changed();
  }

  #load(key: string): void {
    if (!key.startsWith(this.#prefix)) return;
    const text = localStorage.getItem(key);
    if (text === null) {
      this.#byId.delete(key.slice(this.#prefix.length));
      return;
    }
    const conversation: Conversation = JSON.parse(text);
    // What runs, runs in another tab, or ended when its page was closed.
    const turns = conversation.turns.map((turn) =>
      turn.role === 'assistant' && turn.state === 'running' ? { ...turn, state: 'stopped' as const } : turn,
    );
    this.#byId.set(conversation.id, { ...conversation, turns });
  }

  #changed(): void {
    this.#newestFirst = [...this.#byId.values()].toSorted((a, b) => b.updatedAt - a.updatedAt);
    this.#tell();
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
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
  const last = conversation?.turns.at(-1);
  return last?.role === 'assistant' && last.state === 'running';
}
