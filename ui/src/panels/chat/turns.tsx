import { Bot, Pencil, RotateCcw } from 'lucide-react';
import { memo, useState } from 'react';
import { seconds } from '../../api/errors';
import { Button } from '../../ui/button';
import { IconButton } from '../../ui/icon-button';
import { CopyButton } from '../../ui/copy-button';
import { Notice } from '../../ui/notice';
import { Words } from '../../ui/words';
import { FaultHelp } from '../models/fault-help';
import type { Answer, Prompt } from './conversation';
import { AnswerText } from './markdown';

interface PromptTurnProps {
  prompt: Prompt;
  editing: boolean;
  onEdit: (id: string | undefined) => void;
  onResend: (id: string, content: string) => void;
}

export const PromptTurn = memo(function PromptTurn({ prompt, editing, onEdit, onResend }: PromptTurnProps) {
  if (editing) {
    return (
      <PromptEditor
        content={prompt.content}
        onCancel={() => onEdit(undefined)}
        onSend={(content) => onResend(prompt.id, content)}
      />
    );
  }
  return (
    <div className="group flex items-start justify-end gap-1">
      <div className="flex opacity-0 transition-opacity group-focus-within:opacity-100 group-hover:opacity-100 pointer-coarse:opacity-100">
        <IconButton size="sm" label="Edit and resend" icon={<Pencil />} onClick={() => onEdit(prompt.id)} />
        <CopyButton text={prompt.content} label="Copy prompt" />
      </div>
      <div className="max-w-[85%] rounded-2xl rounded-br-md bg-active px-4 py-2.5 text-[0.90625rem] leading-relaxed wrap-anywhere whitespace-pre-wrap">
        {prompt.content}
      </div>
    </div>
  );
});

function PromptEditor({
  content,
  onCancel,
  onSend,
}: {
  content: string;
  onCancel: () => void;
  onSend: (content: string) => void;
}) {
  const [text, setText] = useState(content);
  const send = () => text.trim() && onSend(text.trim());
  return (
    <div className="rounded-2xl border border-line-strong bg-raised p-2 shadow-card focus-within:border-accent">
      <textarea
        aria-label="Edit prompt"
        autoFocus
        rows={Math.min(12, text.split('\n').length + 1)}
        value={text}
        onChange={(event) => setText(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === 'Escape') onCancel();
          if (event.key === 'Enter' && (event.metaKey || event.ctrlKey)) send();
        }}
        className="block w-full resize-none bg-transparent px-2 py-1 text-[0.90625rem] leading-relaxed outline-none"
      />
      <div className="flex items-center justify-end gap-2">
        <p className="mr-auto pl-2 text-xs text-fg-3">What follows it is replaced.</p>
        <Button size="sm" onClick={onCancel}>
          Cancel
        </Button>
        <Button size="sm" look="primary" disabled={!text.trim()} onClick={send}>
          Resend
        </Button>
      </div>
    </div>
  );
}

interface AnswerTurnProps {
  answer: Answer;
  /** For the last one. */
  onRetry?: () => void;
}

export const AnswerTurn = memo(function AnswerTurn({ answer, onRetry }: AnswerTurnProps) {
  const running = answer.state === 'running';
  return (
    <article aria-label="Answer" aria-busy={running} className="group flex min-w-0 flex-col gap-2.5">
      <header className="flex items-center gap-2 text-xs">
        <span className="grid size-6 place-items-center rounded-full border border-line bg-panel text-fg-2">
          <Bot className="size-3.5" aria-hidden />
        </span>
        <span className="truncate font-medium">{answer.model || 'Default model'}</span>
      </header>
      {answer.content && <AnswerText text={answer.content} growing={running} />}
      {running && !answer.content && <Thinking />}
      <Ending answer={answer} onRetry={onRetry} />
      {!running && (
        <footer className="-ml-1.5 flex items-center gap-0.5 text-fg-3">
          {answer.content && <CopyButton text={answer.content} label="Copy answer" />}
          {onRetry && answer.state !== 'failed' && (
            <IconButton size="sm" label="Ask again" icon={<RotateCcw />} onClick={onRetry} />
          )}
          {answer.stats && <StatsLine answer={answer} />}
        </footer>
      )}
    </article>
  );
});

function Thinking() {
  return (
    <p className="flex items-center gap-2 text-fg-3">
      <span className="size-2 animate-pulse rounded-full bg-accent" aria-hidden />
      Waiting for the first word…
    </p>
  );
}

/** Why the answer is not whole. */
function Ending({ answer, onRetry }: AnswerTurnProps) {
  const again = onRetry && (
    <Button size="sm" onClick={onRetry}>
      Try again
    </Button>
  );
  switch (answer.state) {
    case 'failed':
      return (
        <Notice tone="bad" action={again}>
          <Words of={{ ...answer, message: answer.fault ?? '' }} />{' '}
          {answer.content && 'What arrived is kept.'}
          <FaultHelp reason={answer.reason} capability="completion" />
        </Notice>
      );
    case 'stopped':
      return (
        <p className="text-xs text-fg-3">
          {answer.content ? 'Stopped here.' : 'Stopped before the first word.'}
        </p>
      );
    case 'cut':
      return (
        <p className="text-xs text-fg-3">
          Cut off at the longest answer that the settings, the model or your quota allow.
        </p>
      );
    default:
      return null;
  }
}

function StatsLine({ answer: { stats } }: { answer: Answer }) {
  if (!stats) return null;
  const time = stats.seconds < 10 ? `${stats.seconds.toFixed(1)} s` : seconds(Math.round(stats.seconds));
  const speed = stats.tokensPerSecond.toFixed(stats.tokensPerSecond < 10 ? 1 : 0);
  return (
    <span className="ml-1.5 text-xs tabular-nums">
      {stats.tokens.toLocaleString()} tokens · {speed} tokens/s · {time}
    </span>
  );
}
