import { ArrowDown } from 'lucide-react';
import { useEffect, useState, type ReactNode } from 'react';
import { Button } from '../../ui/button';
import type { Chats } from './chats';
import type { Turn } from './conversation';
import { AnswerTurn, PromptTurn } from './turns';
import { useConversation } from './use-chats';
import { useStickToEnd } from './use-stick';

interface ThreadProps {
  chats: Chats;
  /** Of the conversation; absent for a new one. */
  id: string | undefined;
  /** The prompt that is being edited. */
  editing: string | undefined;
  onEdit: (id: string | undefined) => void;
  onResend: (id: string, content: string) => void;
  onRetry: () => void;
  /** What there is to see before the first prompt. */
  empty: ReactNode;
}

/** What was said, scrolled along with what arrives until the reader scrolls up. */
export function Thread({ chats, id, editing, onEdit, onResend, onRetry, empty }: ThreadProps) {
  const turns = useConversation(chats, id)?.turns ?? [];
  const { scroller, content, atEnd, toEnd } = useStickToEnd();
  const lastPrompt = turns.findLast((turn) => turn.role === 'user')?.id;
  useEffect(() => toEnd(), [lastPrompt, toEnd]); // whoever asks wants to see the answer

  return (
    <div className="relative min-h-0 flex-1">
      {/* A scrollable region must be reachable by keys. */}
      <div
        ref={scroller}
        tabIndex={0}
        role="region"
        aria-label="Conversation"
        className="h-full overflow-y-auto -outline-offset-2"
      >
        <div ref={content} className="mx-auto flex min-h-full max-w-3xl flex-col gap-6 px-4 py-6">
          {turns.length === 0 && empty}
          {turns.map((turn, i) =>
            turn.role === 'user' ? (
              <PromptTurn
                key={turn.id}
                prompt={turn}
                editing={editing === turn.id}
                onEdit={onEdit}
                onResend={onResend}
              />
            ) : (
              <AnswerTurn
                key={turn.id}
                answer={turn}
                onRetry={i === turns.length - 1 ? onRetry : undefined}
              />
            ),
          )}
        </div>
      </div>
      {!atEnd && (
        <div className="pointer-events-none absolute inset-x-0 bottom-2 flex justify-center *:pointer-events-auto">
          <Button size="sm" onClick={toEnd}>
            <ArrowDown aria-hidden />
            Jump to latest
          </Button>
        </div>
      )}
      <Announcement turn={turns.at(-1)} />
    </div>
  );
}

/** Reads an answer out once it is finished, not token by token; and none that one has not waited for. */
function Announcement({ turn }: { turn: Turn | undefined }) {
  const [awaited, setAwaited] = useState<string>();
  if (turn?.role !== 'assistant') return null;
  const running = turn.state === 'running';
  if (running && awaited !== turn.id) setAwaited(turn.id);
  return (
    <p role="status" className="sr-only">
      {awaited === turn.id && (running ? 'The model is answering.' : turn.content)}
    </p>
  );
}
