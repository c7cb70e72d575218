import { durationMs } from '@bufbuild/protobuf/wkt';
import { type Client, createClient, type Transport } from '@connectrpc/connect';
import { wordsOf } from '../../api/errors';
import { type ChatResponse, OllamaService } from '../../gen/paddock/v1/ollama_pb';
import {
  type Answer,
  type Conversation,
  Conversations,
  type Prompt,
  type Settings,
  type Stats,
} from './conversations';

/** How often what arrives is shown, and written down, in milliseconds. */
const SHOW = 50;
const KEEP = 1000;

/** Holds a user's conversations with models. Answers go on arriving while other panels are open. */
export class Chats {
  readonly conversations: Conversations;
  readonly #ollama: Client<typeof OllamaService>;
  readonly #running = new Map<string, AbortController>();
  readonly #onFull: () => void;
  #full = false;

  /** onFull is called when the browser has no room to keep a conversation. */
  constructor(userId: string, transport: Transport, onFull: () => void) {
    this.conversations = new Conversations(userId);
    this.#ollama = createClient(OllamaService, transport);
    this.#onFull = onFull;
  }

  /** Begins a conversation and returns its id. */
  start(settings: Settings, prompt: string): string {
    const id = newId();
    this.#ask({ ...settings, id, title: titleOf(prompt), turns: [], updatedAt: 0 }, prompt);
    return id;
  }

  /** Asks on. */
  ask(id: string, prompt: string): void {
    const conversation = this.conversations.get(id);
    if (conversation) this.#ask(conversation, prompt);
  }

  /** Puts the prompt in the place of an earlier one; what came after that is dropped. */
  edit(id: string, turnId: string, prompt: string): void {
    const conversation = this.conversations.get(id);
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

  /** Ends the running answer; what has arrived stays. */
  stop(id: string): void {
    this.#running.get(id)?.abort();
  }

  configure(id: string, settings: Settings): void {
    const conversation = this.conversations.get(id);
    if (conversation) this.#keep({ ...conversation, ...settings });
  }

  remove(id: string): void {
    this.stop(id);
    this.#running.delete(id);
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
    void this.#answer(asked, answer);
  }

  async #answer(asked: Conversation, answer: Answer): Promise<void> {
    const abort = new AbortController();
    this.#running.set(asked.id, abort);
    const begun = Date.now();
    let kept = begun;
    let painting: ReturnType<typeof setTimeout> | undefined;
    const update = (change: Partial<Answer>): Conversation | undefined => {
      answer = { ...answer, ...change };
      // Settings may have changed meanwhile; the conversation may have been edited or deleted.
      const current = this.#running.get(asked.id) === abort && (this.conversations.get(asked.id) ?? asked);
      return current ? { ...current, turns: [...asked.turns, answer] } : undefined;
    };
    const paint = () => {
      painting = undefined;
      const conversation = update({});
      if (!conversation) return;
      if (Date.now() - kept < KEEP) return this.conversations.show(conversation);
      kept = Date.now();
      this.#keep(conversation);
    };
    this.#keep({ ...asked, turns: [...asked.turns, answer] });

    let end: Partial<Answer> = {};
    try {
      const { model, options } = asked;
      const pieces = this.#ollama.chat(
        { model, messages: messagesOf(asked), options },
        { signal: abort.signal },
      );
      for await (const piece of pieces) {
        answer = { ...answer, content: answer.content + piece.content };
        painting ??= setTimeout(paint, SHOW);
        if (piece.done)
          end = { state: piece.doneReason === 'length' ? 'cut' : 'done', stats: statsOf(piece, begun) };
      }
    } catch (thrown) {
      end = abort.signal.aborted ? { state: 'stopped' } : { state: 'failed', fault: wordsOf(thrown) };
    }
    clearTimeout(painting);
    const conversation = update(end);
    if (!conversation) return;
    this.#running.delete(asked.id);
    this.#keep({ ...conversation, updatedAt: Date.now() });
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

function messagesOf({ system, turns }: Conversation) {
  const said = turns.filter((turn) => turn.content !== '').map(({ role, content }) => ({ role, content }));
  return system.trim() === '' ? said : [{ role: 'system', content: system }, ...said];
}

/** By the upstream's clock where it tells the time, else by ours. */
function statsOf({ completionTokens = 0n, durations }: ChatResponse, begun: number): Stats {
  const seconds = durations?.total ? durationMs(durations.total) / 1000 : (Date.now() - begun) / 1000;
  const speaking = durations?.completion ? durationMs(durations.completion) / 1000 : seconds;
  const tokens = Number(completionTokens);
  return { tokens, seconds, tokensPerSecond: speaking > 0 ? tokens / speaking : 0 };
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
