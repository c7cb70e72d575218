import clsx from 'clsx';
import type { ReactNode } from 'react';

const tones = {
  neutral: 'border-line bg-hover text-fg-2',
  accent: 'border-transparent bg-accent-soft text-accent-text',
  ok: 'border-transparent bg-ok-soft text-ok-text',
  warn: 'border-transparent bg-warn-soft text-warn-text',
  bad: 'border-transparent bg-bad-soft text-bad-text',
  info: 'border-transparent bg-info-soft text-info-text',
};

export type Tone = keyof typeof tones;

export function Badge({
  tone = 'neutral',
  mono,
  whole,
  children,
}: {
  tone?: Tone;
  mono?: boolean;
  /** What does not fit into a line goes on in the next one, and is not cut off. */
  whole?: boolean;
  children: ReactNode;
}) {
  return (
    <span
      className={clsx(
        'inline-flex min-h-5 max-w-full items-center gap-1 rounded-md border px-1.5 text-xs font-medium',
        tones[tone],
        mono && 'font-mono',
      )}
    >
      <span className={whole ? 'wrap-anywhere' : 'truncate'}>{children}</span>
    </span>
  );
}

const dots = {
  neutral: 'bg-fg-3',
  accent: 'bg-accent',
  ok: 'bg-ok',
  warn: 'bg-warn',
  bad: 'bg-bad',
  info: 'bg-info',
};

/** A state in one word, with a dot in its colour. */
export function Status({ tone, children }: { tone: Tone; children: ReactNode }) {
  return (
    <span className="inline-flex items-center gap-2 text-fg-2">
      <span className={clsx('size-1.5 shrink-0 rounded-full', dots[tone])} aria-hidden />
      {children}
    </span>
  );
}
