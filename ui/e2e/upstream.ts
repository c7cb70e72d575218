import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

/** What a model says, piece by piece; the next piece is asked for when the last one is sent. */
export type Words = () => AsyncIterable<string> | Iterable<string>;

/**
 * Stands in front of the test Ollama and answers the chats that a test has words for. All else goes through.
 *
 * An answer whose words throw is cut off in the middle, as when Ollama dies.
 */
export class Upstream {
  url = '';
  readonly #server = createServer((req, res) => void this.#serve(req, res));
  readonly #ollama: string;
  readonly #answers = new Map<string, { words: Words; onLeft: () => void }>();

  constructor(ollama: string) {
    this.#ollama = ollama;
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    this.url = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  stop(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  /**
   * The words for a prompt, which a test makes its own by writing something nobody else writes. Resolves when an asker
   * has left, with the whole answer or before.
   */
  answer(prompt: string, words: Words): Promise<void> {
    return new Promise((resolve) => this.#answers.set(prompt, { words, onLeft: resolve }));
  }

  async #serve(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const body = await text(req);
    const answer = req.url === '/api/chat' && this.#answers.get(promptIn(body));
    if (answer) {
      res.on('close', answer.onLeft);
      return stream(answer.words, res);
    }
    const onward = request(this.#ollama + req.url, { method: req.method, headers: req.headers }, (reply) => {
      res.writeHead(reply.statusCode!, reply.headers);
      reply.pipe(res);
    });
    onward.on('error', () => res.destroy());
    res.on('close', () => onward.destroy());
    onward.end(body);
  }
}

function promptIn(body: string): string {
  const { messages = [] } = JSON.parse(body) as { messages?: { content: string }[] };
  return messages.at(-1)?.content ?? '';
}

/** Streams as Ollama does: a JSON object a line, the last one with the figures. */
async function stream(words: Words, res: ServerResponse): Promise<void> {
  const line = (content: string, more: object = {}) =>
    res.write(
      `${JSON.stringify({ model: 'tiny-chat', created_at: new Date(), message: { role: 'assistant', content }, done: false, ...more })}\n`,
    );
  res.writeHead(200, { 'Content-Type': 'application/x-ndjson' });
  let count = 0;
  try {
    for await (const piece of words()) {
      if (res.destroyed) return;
      line(piece);
      count++;
    }
  } catch {
    res.destroy();
    return;
  }
  line('', {
    done: true,
    done_reason: 'stop',
    total_duration: 2e9,
    load_duration: 1,
    prompt_eval_count: 10,
    prompt_eval_duration: 1,
    eval_count: count,
    eval_duration: 1e9,
  });
  res.end();
}
