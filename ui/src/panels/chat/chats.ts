import { type Client, createClient, type Transport } from '@connectrpc/connect';
import { OllamaService } from '../../gen/paddock/v1/ollama_pb';
import { answering } from './answering';
import type { Answer, Conversation, Prompt, Settings } from './conversation';
import { Conversations } from './conversations';

/** How often what arrives is shown, and written down, in milliseconds. */
const SHOW = 50;
const KEEP = 1000;

/** Holds a user's conversations with models. Answers go on arriving while other panels are open. */
export class Chats {
  readonly conversations: Conversations;
  /** Messages that are not sent yet, by conversation; that of a new one under "". In memory alone. */
  readonly drafts = new Map<string, string>();
  readonly #ollama: Client<typeof OllamaService>;
  readonly #running = new Map<string, AbortController>();
  /** Of what runs: ends it and writes it down, before it returns. */
  readonly #ends = new Set<() => void>();
  readonly #onFull: () => void;
  /** Tells the tab to which an answer comes to stop it: the conversation's id. */
  readonly #tabs: BroadcastChannel;
  #full = false;

  /** onFull is called when the browser has no room to keep a conversation. */
  constructor(userId: string, transport: Transport, onFull: () => void) {
    this.conversations = new Conversations(userId);
    this.#ollama = createClient(OllamaService, transport);
    this.#onFull = onFull;
    this.#tabs = new BroadcastChannel(`paddock.chat.${userId}`);
    this.#tabs.addEventListener('message', ({ data }: MessageEvent<string>) => {
      this.#running.get(data)?.abort();
    });
    addEventListener('pagehide', this.#leave);
  }

  /** Whoever reloads or closes the page stops what runs: no answer broke off by itself then. */
  readonly #leave = () => {
    for (const end of this.#ends) end();
  };

  /** Ends what runs, and follows other tabs no more. */
  close(): void {
    removeEventListener('pagehide', this.#leave);
    for (const run of this.#running.values()) run.abort();
    this.#tabs.close();
    this.conversations.close();
  }

  /** Begins a conversation and returns its id. */
  start(settings: Settings, prompt: string): string {
    const id = newId();
    this.#ask({ ...settings, id, title: titleOf(prompt), turns: [], updatedAt: 0 }, prompt);
    return id;
  }

  /** Asks on. */
  ask(id: string, prompt: string): void {
    const conversation = this.conversations.latest(id);
    if (conversation) this.#ask(conversation, prompt);
  }

  /** Puts the prompt in the place of an earlier one; what came after that is dropped. */
  edit(id: string, turnId: string, prompt: string): void {
    const conversation = this.conversations.latest(id);
    if (!conversation) return;
    const at = conversation.turns.findIndex((turn) => turn.id === turnId);
    if (at < 0) return;
    this.stop(id);
    this.#ask({ ...conversation, turns: conversation.turns.slice(0, at) }, prompt);
  }

  /** Asks for the last answer once more. */
  retry(id: string): void {
    const last = this.conversations.get(id)?.turns.findLast((turn) => turn.role === 'user');
    if (last) this.edit(id, last.id, last.content);
  }

  /** Ends the running answer, in whichever tab it arrives; what has arrived stays. */
  stop(id: string): void {
    const run = this.#running.get(id);
    if (run) run.abort();
    else this.#tabs.postMessage(id);
  }

  configure(id: string, settings: Settings): void {
    const conversation = this.conversations.latest(id);
    if (conversation) this.#keep({ ...conversation, ...settings });
  }

  remove(id: string): void {
    this.stop(id);
    this.#running.delete(id);
    this.drafts.delete(id);
    this.conversations.remove(id);
  }

  #ask(conversation: Conversation, content: string): void {
    const prompt: Prompt = { id: newId(), role: 'user', content };
    const answer: Answer = {
      id: newId(),
      role: 'assistant',
      content: '',
      model: conversation.model,
      state: 'running',
    };
    const title = conversation.turns.length === 0 ? titleOf(content) : conversation.title;
    const asked = { ...conversation, title, turns: [...conversation.turns, prompt], updatedAt: Date.now() };
    this.conversations.hold(answer.id, this.#answer(asked, answer));
  }

  async #answer(asked: Conversation, answer: Answer): Promise<void> {
    const run = new AbortController();
    const put = (write: (conversation: Conversation) => void) => {
      if (this.#running.get(asked.id) !== run) return; // edited or deleted meanwhile
      const current = this.conversations.latest(asked.id); // its settings may have changed
      if (!current?.turns.some((turn) => turn.id === answer.id)) return run.abort(); // so in another tab
      write({ ...current, turns: current.turns.map((turn) => (turn.id === answer.id ? answer : turn)) });
    };
    const show = throttled(SHOW, () => put((conversation) => this.conversations.show(conversation)));
    const keep = throttled(KEEP, () => put((conversation) => this.#keep(conversation)));
    const end = () => {
      run.abort();
      answer = { ...answer, state: 'stopped' };
      put((conversation) => this.#keep(conversation));
    };

    this.#ends.add(end);
    this.#running.set(asked.id, run);
    this.#keep({ ...asked, turns: [...asked.turns, answer] });
    for await (answer of answering(this.#ollama, asked, answer, run.signal)) {
      show();
      keep();
    }
    this.#ends.delete(end);
    put((conversation) => this.#keep({ ...conversation, updatedAt: Date.now() }));
    if (this.#running.get(asked.id) === run) this.#running.delete(asked.id);
  }

  #keep(conversation: Conversation): void {
    try {
      this.conversations.keep(conversation);
      this.#full = false;
    } catch {
      if (!this.#full) this.#onFull();
      this.#full = true;
    }
  }
}

/** Runs the function so many milliseconds after a call, once for all calls until then. */
function throttled(delay: number, run: () => void): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  return () => {
    timer ??= setTimeout(() => {
      timer = undefined;
      run();
    }, delay);
  };
}

function titleOf(prompt: string): string {
  const line = prompt.trim().split('\n', 1)[0]!;
  return line.length > 60 ? `${line.slice(0, 59).trimEnd()}…` : line;
}

/** Sorts by time, and is unique in this browser. (Browsers have randomUUID on secure origins only.) */
function newId(): string {
  const random = crypto.getRandomValues(new Uint32Array(1))[0]!;
  return Date.now().toString(36) + random.toString(36).padStart(7, '0');
}
