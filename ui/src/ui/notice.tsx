import clsx from 'clsx';
import { CircleAlert, Info, TriangleAlert } from 'lucide-react';
import type { ReactNode } from 'react';
import { Button } from './button';
import { ErrorWords } from './words';

const tones = {
  info: { surface: 'bg-info-soft text-info-text', Icon: Info },
  warn: { surface: 'bg-warn-soft text-warn-text', Icon: TriangleAlert },
  bad: { surface: 'bg-bad-soft text-bad-text', Icon: CircleAlert },
};

interface NoticeProps {
  tone?: keyof typeof tones;
  children: ReactNode;
  /** What can be done about it, on the right. */
  action?: ReactNode;
}

/** Something to know, where it matters. A bad one is read out at once. */
export function Notice({ tone = 'info', children, action }: NoticeProps) {
  const { surface, Icon } = tones[tone];
  return (
    <div
      role={tone === 'bad' ? 'alert' : 'note'}
      className={clsx('flex flex-wrap items-center gap-x-3 gap-y-2 rounded-xl px-3 py-2.5 text-sm', surface)}
    >
      <Icon className="size-4 shrink-0 self-start translate-y-0.5" aria-hidden />
      <div className={clsx('min-w-0 flex-1 wrap-anywhere', action && 'basis-56')}>{children}</div>
      {action}
    </div>
  );
}

interface ErrorNoticeProps {
  error: unknown;
  onRetry?: () => void;
  /** What it means here. */
  before?: ReactNode;
  /** What else can be done about it. */
  help?: ReactNode;
}

/** A query that failed, in place of what it was to show. */
export function ErrorNotice({ error, onRetry, before, help }: ErrorNoticeProps) {
  const retry = onRetry && (
    <Button size="sm" onClick={onRetry}>
      Try again
    </Button>
  );
  return (
    <Notice tone="bad" action={retry}>
      {before} <ErrorWords error={error} />
      {help}
    </Notice>
  );
}
