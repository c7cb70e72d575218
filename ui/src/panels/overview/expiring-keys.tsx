import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import type { ExpiringKey } from '../../gen/paddock/v1/overview_pb';
import { Button } from '../../ui/button';
import { Card } from '../../ui/page';
import { Skeleton } from '../../ui/skeleton';
import { Time } from '../../ui/time';

/** How many are shown at first. */
const SHOWN = 6;

/** The server lists no more keys than these. */
export const MOST_EXPIRING = 20;

/** The keys to rotate next, with the way to their users. */
export function ExpiringKeys({ keys }: { keys: ExpiringKey[] | undefined }) {
  const [all, setAll] = useState(false);
  return (
    <Card title="Keys that expire soon" aside="within 14 days">
      {!keys ? (
        <Skeleton lines={4} />
      ) : keys.length === 0 ? (
        <p className="text-sm text-fg-2">
          None. What calls with a key fails when it expires: keys appear here two weeks before, so that they
          can be rotated in time.
        </p>
      ) : (
        <ul className="-my-1 divide-y divide-line">
          {keys.slice(0, all ? undefined : SHOWN).map((key) => (
            <Key key={key.credential?.id} expiring={key} />
          ))}
        </ul>
      )}
      {keys && keys.length > SHOWN && !all && (
        <div className="mt-2">
          <Button size="sm" look="ghost" onClick={() => setAll(true)}>
            {keys.length - SHOWN} more
          </Button>
        </div>
      )}
      {keys && <MayBeMore keys={keys} />}
    </Card>
  );
}

export function MayBeMore({ keys }: { keys: ExpiringKey[] }) {
  if (keys.length < MOST_EXPIRING) return null;
  return (
    <p className="mt-2 text-xs text-fg-3">
      These are the {MOST_EXPIRING} that expire first; there may be more.
    </p>
  );
}

function Key({ expiring: { credential, userEmail } }: { expiring: ExpiringKey }) {
  if (!credential) return null;
  const { label, prefix, userId, expiresAt } = credential;
  return (
    <li>
      <Link
        to="/users/{-$userId}"
        params={{ userId }}
        className="group/key flex items-center gap-3 rounded py-2 text-sm"
      >
        <span className="min-w-0 flex-1">
          <span className="block wrap-anywhere">
            <span className="font-medium">{label}</span>{' '}
            <span className="font-mono text-xs text-fg-3">{prefix}…</span>
          </span>
          <span className="block text-xs wrap-anywhere text-accent-text group-hover/key:underline">
            {userEmail}
          </span>
        </span>
        <span className="shrink-0 text-xs text-warn-text">
          <Time at={expiresAt} />
        </span>
      </Link>
    </li>
  );
}
