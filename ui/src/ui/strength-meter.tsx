import clsx from 'clsx';
import { strengthOf } from './strength';

const fills = ['bg-bad', 'bg-warn', 'bg-ok', 'bg-ok'];

/** How hard a new password would be to guess. Advice: the server decides what it takes. */
export function StrengthMeter({ password, about = [] }: { password: string; about?: string[] }) {
  const { level, advice } = strengthOf(password, about);
  const segments = password === '' ? 0 : level + 1;
  return (
    <div className="flex flex-col gap-1.5">
      <div className="flex gap-1" aria-hidden>
        {fills.map((_, i) => (
          <span
            key={i}
            className={clsx(
              'h-1 flex-1 rounded-full transition-colors',
              i < segments ? fills[level] : 'bg-active',
            )}
          />
        ))}
      </div>
      <p role="status" className="min-h-4.5 text-xs text-fg-2">
        {password === ''
          ? 'At least 12 characters. A few words that do not belong together do well.'
          : advice}
      </p>
    </div>
  );
}
