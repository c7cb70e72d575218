import clsx from 'clsx';
import { KeyRound } from 'lucide-react';
import { useState } from 'react';
import { useChange } from '../../api/change';
import { CredentialService, type Credential } from '../../gen/paddock/v1/credentials_pb';
import { Badge } from '../../ui/badge';
import { Button } from '../../ui/button';
import { ConfirmDialog } from '../../ui/confirm-dialog';
import { Time } from '../../ui/time';
import { toast } from '../../ui/toast';
import { wordsFor } from '../models/model-list';
import { KeyModels } from './key-models';
import type { Issued } from './secret-dialog';
import { statusOf } from './status';
import { useStayWhile } from './use-stay';

interface KeyRowProps {
  credential: Credential;
  onIssued: (issued: Issued) => void;
}

export function KeyRow({ credential, onIssued }: KeyRowProps) {
  const { id, label, prefix, createdAt, lastUsedAt, expiresAt, revokedAt, models } = credential;
  const [asking, setAsking] = useState<'models' | 'rotate' | 'revoke'>();
  const close = () => setAsking(undefined);
  const rotate = useChange(CredentialService.method.rotateCredential, {
    onSuccess: ({ secret }) => onIssued({ label, secret, models: models?.names }),
    onSettled: close,
  });
  useStayWhile(rotate.isPending);
  const revoke = useChange(CredentialService.method.revokeCredential, {
    onSuccess: () => toast.done(`Revoked ${label}`),
    onSettled: close,
  });
  const { word, tone, live } = statusOf(credential);

  return (
    <li className="flex flex-wrap items-center gap-x-3 gap-y-2 px-3 py-2.5">
      <KeyRound className="size-4 shrink-0 self-start translate-y-0.5 text-fg-3" aria-hidden />
      <div className="min-w-0 flex-1 basis-48">
        <p className="flex items-center gap-2">
          <span className={clsx('truncate font-medium', !live && 'text-fg-2 line-through')} title={label}>
            {label}
          </span>
          <Badge tone={tone}>{word}</Badge>
        </p>
        <p className="mt-0.5 text-xs text-fg-3">
          <span className="font-mono">{prefix}…</span> · created <Time at={createdAt} />
        </p>
        <p className="text-xs text-fg-3">
          {lastUsedAt ? (
            <>
              used <Time at={lastUsedAt} />
            </>
          ) : (
            'never used'
          )}
          {' · '}
          {revokedAt ? (
            <>
              revoked <Time at={revokedAt} />
            </>
          ) : expiresAt ? (
            <>
              {live ? 'expires' : 'expired'} <Time at={expiresAt} />
            </>
          ) : (
            'never expires'
          )}
        </p>
        <p className="text-xs wrap-anywhere text-fg-3">
          {models && models.names.length > 0 ? (
            <span className="font-mono">{models.names.join(', ')}</span>
          ) : (
            wordsFor(models?.names)
          )}
        </p>
      </div>
      {live && (
        <div className="ml-7 flex gap-1.5 @lg:ml-0">
          <Button size="sm" aria-label={`Models of ${label}`} onClick={() => setAsking('models')}>
            Models…
          </Button>
          <Button size="sm" aria-label={`Rotate ${label}`} onClick={() => setAsking('rotate')}>
            Rotate
          </Button>
          <Button size="sm" look="danger" aria-label={`Revoke ${label}`} onClick={() => setAsking('revoke')}>
            Revoke
          </Button>
        </div>
      )}
      {asking === 'models' && <KeyModels credential={credential} onClose={close} />}
      <ConfirmDialog
        open={asking === 'rotate'}
        onClose={close}
        title={`Rotate ${label}?`}
        action="Rotate"
        busy={rotate.isPending}
        onConfirm={() => rotate.mutate({ id })}
      >
        You get a new key with the same label, models and expiry. Calls using the present one fail at once.
      </ConfirmDialog>
      <ConfirmDialog
        open={asking === 'revoke'}
        onClose={close}
        title={`Revoke ${label}?`}
        action="Revoke"
        busy={revoke.isPending}
        onConfirm={() => revoke.mutate({ id })}
      >
        Calls using it fail at once, and answers it is receiving are cut off. This cannot be undone.
      </ConfirmDialog>
    </li>
  );
}
