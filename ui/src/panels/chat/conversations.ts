import type { MessageInitShape } from '@bufbuild/protobuf';
import type { ChatOptionsSchema } from '../../gen/paddock/v1/ollama_pb';
import { merge } from './merge';

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

/**
 * The conversations of one user, kept in this browser and sent nowhere. Other tabs' changes are followed: they are merged
 * with one's own, and what one tab deletes no other brings back.
 */
export class Conversations {
  readonly #prefix: string;
  readonly #listeners = new Set<() => void>();
  readonly #byId = new Map<string, Conversation>();
  /** As they were last seen in the storage. */
  readonly #seen = new Map<string, Conversation>();
  /** Answers of other tabs whose end is waited for. */
  readonly #awaited = new Set<string>();
  #newestFirst: Conversation[] = [];

  constructor(userId: string) {
    this.#prefix = `paddock.chat.${userId}.`;
    for (const key of Object.keys(localStorage)) this.#load(key, { begun: true });
    this.#changed();
    addEventListener('storage', this.#follow);
  }

  /** Follows other tabs no more. */
  close(): void {
    removeEventListener('storage', this.#follow);
  }

  readonly #follow = ({ key }: StorageEvent) => {
    if (key === null) for (const id of this.#byId.keys()) this.#forget(id);
    else this.#load(key);
    this.#changed();
  };

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

  /**
   * Writes the conversation down, unless another tab has deleted it. Throws when the browser has no room left; it is shown
   * all the same.
   */
  keep(conversation: Conversation): void {
    const { id } = conversation;
    const seen = this.#seen.get(id);
    if (seen && localStorage.getItem(this.#prefix + id) === null) return this.remove(id);
    const stored = seen && this.#read(this.#prefix + id);
    const merged = stored ? merge(conversation, seen, stored) : conversation;
    this.#byId.set(id, merged);
    this.#changed();
    localStorage.setItem(this.#prefix + id, JSON.stringify(merged));
    this.#seen.set(id, merged);
  }

  /** Says that the answer comes to this tab, until it has ended: others wait for that instead of giving it up. */
  hold(answerId: string, ended: Promise<void>): void {
    void navigator.locks?.request(this.#prefix + answerId, () => ended);
  }

  remove(id: string): void {
    this.#forget(id);
    localStorage.removeItem(this.#prefix + id);
    this.#changed();
  }

  /** begun: the page has just begun, so that nothing that runs is this tab's. */
  #load(key: string, { begun = false } = {}): void {
    if (!key.startsWith(this.#prefix)) return;
    if (localStorage.getItem(key) === null) return this.#forget(key.slice(this.#prefix.length));
    const conversation = this.#read(key);
    if (!conversation) return;
    this.#seen.set(conversation.id, conversation);
    this.#byId.set(conversation.id, conversation);
    if (navigator.locks)
      for (const { id } of conversation.turns.filter(runs)) void this.#await(conversation.id, id);
    else if (begun) this.#byId.set(conversation.id, stopped(conversation)); // nobody can tell
  }

  /** Waits until the tab to which an answer comes lets go of it. If it still runs then, that page was closed. */
  async #await(id: string, answerId: string): Promise<void> {
    if (this.#awaited.has(answerId)) return;
    this.#awaited.add(answerId);
    await navigator.locks.request(this.#prefix + answerId, () => {
      const conversation = this.#byId.has(id) && this.#read(this.#prefix + id);
      if (!conversation) return;
      this.#seen.set(id, conversation);
      this.#byId.set(id, stopped(conversation, answerId));
      this.#changed();
    });
    this.#awaited.delete(answerId);
  }

  /** What others wrote under the key may be unreadable; then it is left alone. */
  #read(key: string): Conversation | undefined {
    try {
      const value: unknown = JSON.parse(localStorage.getItem(key) ?? '');
      return isConversation(value) && this.#prefix + value.id === key ? value : undefined;
    } catch {
      return undefined;
    }
  }

  #forget(id: string): void {
    this.#byId.delete(id);
    this.#seen.delete(id);
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
  return runs(conversation?.turns.at(-1));
}

function runs(turn: Turn | undefined): turn is Answer {
  return turn?.role === 'assistant' && turn.state === 'running';
}

/** With this answer, or all, no longer running. */
function stopped(conversation: Conversation, answerId?: string): Conversation {
  const turns = conversation.turns.map((turn) =>
    runs(turn) && turn.id === (answerId ?? turn.id) ? { ...turn, state: 'stopped' as const } : turn,
  );
  return { ...conversation, turns };
}

function isConversation(value: unknown): value is Conversation {
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
