import { useQuery } from '@connectrpc/connect-query';
import { Monitor } from 'lucide-react';
import { useState } from 'react';
import { useChange } from '../../api/change';
import { AuthService, type Session } from '../../gen/paddock/v1/auth_pb';
import { Badge } from '../../ui/badge';
import { Button } from '../../ui/button';
import { ConfirmDialog } from '../../ui/confirm-dialog';
import { ErrorNotice } from '../../ui/notice';
import { Skeleton } from '../../ui/skeleton';
import { Time } from '../../ui/time';
import { toast } from '../../ui/toast';
import { agentName } from './agent';

/** A user's live sessions. One's own, or anybody's to an admin. */
export function Sessions({ userId }: { userId: string }) {
  const { data, error, refetch } = useQuery(AuthService.method.listSessions, { userId });
  if (!data)
    return error ? <ErrorNotice error={error} onRetry={() => void refetch()} /> : <Skeleton lines={3} />;
  if (data.sessions.length === 0) {
    return (
      <p className="rounded-xl border border-dashed border-line-strong px-3 py-3 text-sm text-fg-2">
        Not signed in anywhere. A session begins with a sign-in by password; API keys need none.
      </p>
    );
  }
  return (
    <ul aria-label="Sessions" className="divide-y divide-line rounded-xl border border-line">
      {data.sessions.map((session) => (
        <SessionRow key={session.id} session={session} />
      ))}
    </ul>
  );
}

function SessionRow({
  session: { id, userAgent, ip, createdAt, lastSeenAt, current },
}: {
  session: Session;
}) {
  const [asking, setAsking] = useState(false);
  const close = () => setAsking(false);
  const name = agentName(userAgent);
  const revoke = useChange(AuthService.method.revokeSession, {
    onSuccess: () => toast.done('Session revoked'),
    onSettled: close,
  });
  return (
    <li className="flex items-center gap-3 px-3 py-2.5">
      <Monitor className="size-4 shrink-0 self-start translate-y-0.5 text-fg-3" aria-hidden />
      <div className="min-w-0 flex-1">
        <p className="truncate font-medium" title={userAgent}>
          {name}
        </p>
        <p className="mt-0.5 text-xs text-fg-3">
          <span className="font-mono">{ip}</span> · seen <Time at={lastSeenAt} />
        </p>
        <p className="text-xs text-fg-3">
          signed in <Time at={createdAt} />
        </p>
      </div>
      {current ? (
        <Badge tone="accent">This session</Badge>
      ) : (
        <Button
          size="sm"
          look="danger"
          aria-label={`Revoke ${name} from ${ip}`}
          onClick={() => setAsking(true)}
        >
          Revoke
        </Button>
      )}
      <ConfirmDialog
        open={asking}
        onClose={close}
        title={`Revoke the session of ${name}?`}
        action="Revoke"
        busy={revoke.isPending}
        onConfirm={() => revoke.mutate({ id })}
      >
        It was signed in from {ip}. Its next call fails, and a new sign-in needs the password.
      </ConfirmDialog>
    </li>
  );
}
