import { type Conversation, isConversation, runs, stopped } from './conversation';

/**
 * The conversations of one user, kept in this browser and sent nowhere. Other tabs' changes are followed, and what one tab
 * deletes no other brings back.
 */
export class Conversations {
  readonly #prefix: string;
  readonly #listeners = new Set<() => void>();
  readonly #byId = new Map<string, Conversation>();
  /** As they were last seen in the storage. */
  readonly #seen = new Map<string, string>();
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

  /** The same, as the last tab has left it that changed it: what a change begins from. Undefined once one has deleted it. */
  latest(id: string): Conversation | undefined {
    const stored = localStorage.getItem(this.#prefix + id) ?? undefined;
    if (stored !== this.#seen.get(id)) {
      this.#load(this.#prefix + id);
      this.#changed();
    }
    return this.#byId.get(id);
  }

  /** Writes the conversation down. Throws when the browser has no room left; it is shown all the same. */
  keep(conversation: Conversation): void {
    const { id } = conversation;
    const text = JSON.stringify(conversation);
    this.#byId.set(id, conversation);
    this.#changed();
    localStorage.setItem(this.#prefix + id, text);
    this.#seen.set(id, text);
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
      this.#byId.set(id, stopped(conversation, answerId));
      this.#changed();
    });
    this.#awaited.delete(answerId);
  }

  /** What others wrote under the key may be unreadable; then it is left alone. */
  #read(key: string): Conversation | undefined {
    try {
      const text = localStorage.getItem(key) ?? '';
      const value: unknown = JSON.parse(text);
      if (!isConversation(value) || this.#prefix + value.id !== key) return undefined;
      this.#seen.set(value.id, text);
      return value;
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
