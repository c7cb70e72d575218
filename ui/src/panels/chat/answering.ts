import { durationMs } from '@bufbuild/protobuf/wkt';
import type { Client } from '@connectrpc/connect';
import { refusalOf } from '../../api/errors';
import type { ChatResponse, OllamaService } from '../../gen/paddock/v1/ollama_pb';
import type { Answer, Conversation, Stats } from './conversation';
import { isLeaving } from './leaving';

/** The answer as it grows, each time whole. It does not throw: the last one says how it ended. */
export async function* answering(
  ollama: Client<typeof OllamaService>,
  { model, system, options, turns }: Conversation,
  answer: Answer,
  signal: AbortSignal,
): AsyncGenerator<Answer> {
  const begun = Date.now();
  const said = turns.filter((turn) => turn.content !== '').map(({ role, content }) => ({ role, content }));
  const messages = system.trim() === '' ? said : [{ role: 'system', content: system }, ...said];
  const seed = options.seed === undefined ? undefined : BigInt(options.seed);
  try {
    for await (const piece of ollama.chat({ model, messages, options: { ...options, seed } }, { signal })) {
      answer = { ...answer, content: answer.content + piece.content, ...endOf(piece, begun) };
      yield answer;
    }
    if (answer.state === 'running') yield { ...answer, state: 'failed', fault: 'The answer broke off.' };
  } catch (thrown) {
    if (signal.aborted || isLeaving()) yield { ...answer, state: 'stopped' };
    else {
      const { message, reason, retryAt } = refusalOf(thrown);
      yield { ...answer, state: 'failed', fault: message, reason, retryAt };
    }
  }
}

function endOf(piece: ChatResponse, begun: number): Partial<Answer> {
  if (!piece.done) return {};
  return { state: piece.doneReason === 'length' ? 'cut' : 'done', stats: statsOf(piece, begun) };
}

/** By the upstream's clock where it tells the time, else by ours. */
function statsOf({ completionTokens = 0n, durations }: ChatResponse, begun: number): Stats {
  const seconds = durations?.total ? durationMs(durations.total) / 1000 : (Date.now() - begun) / 1000;
  const speaking = durations?.completion ? durationMs(durations.completion) / 1000 : seconds;
  const tokens = Number(completionTokens);
  return { tokens, seconds, tokensPerSecond: speaking > 0 ? tokens / speaking : 0 };
}
