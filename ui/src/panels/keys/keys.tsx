import { useQuery } from '@connectrpc/connect-query';
import { useState } from 'react';
import { CredentialService } from '../../gen/paddock/v1/credentials_pb';
import { Button } from '../../ui/button';
import { ErrorNotice } from '../../ui/notice';
import { Skeleton } from '../../ui/skeleton';
import { IssueForm } from './issue-form';
import { KeyExamples } from './key-examples';
import { KeyRow } from './key-row';
import { SecretDialog, type Issued } from './secret-dialog';
import { statusOf } from './status';

/** How many keys that no longer work are shown at first. */
const ENDED_SHOWN = 3;

/** A user's API keys: issue, rotate, revoke. One's own, or anybody's to an admin. */
export function Keys({ userId }: { userId: string }) {
  const [issued, setIssued] = useState<Issued>();
  return (
    <div className="flex flex-col gap-4">
      <IssueForm userId={userId} onIssued={setIssued} />
      <KeyList userId={userId} onIssued={setIssued} />
      {issued && <SecretDialog issued={issued} onStored={() => setIssued(undefined)} />}
    </div>
  );
}

interface KeyListProps {
  userId: string;
  onIssued: (issued: Issued) => void;
}

/** Those that work first; both parts the newest first, as the server lists them. */
function KeyList({ userId, onIssued }: KeyListProps) {
  const [all, setAll] = useState(false);
  const { data, error, refetch } = useQuery(CredentialService.method.listCredentials, { userId });
  if (!data)
    return error ? <ErrorNotice error={error} onRetry={() => void refetch()} /> : <Skeleton lines={3} />;
  if (data.credentials.length === 0) return <NoKeys />;

  const [live, ended] = partition(data.credentials, (key) => statusOf(key).live);
  const shown = [...live, ...(all ? ended : ended.slice(0, ENDED_SHOWN))];
  const hidden = data.credentials.length - shown.length;
  return (
    <div className="flex flex-col items-center gap-2">
      <ul
        aria-label="API keys"
        className="@container w-full divide-y divide-line rounded-xl border border-line"
      >
        {shown.map((key) => (
          <KeyRow key={key.id} credential={key} onIssued={onIssued} />
        ))}
      </ul>
      {hidden > 0 && (
        <Button size="sm" look="ghost" onClick={() => setAll(true)}>
          Show {hidden} more that no longer {hidden === 1 ? 'works' : 'work'}
        </Button>
      )}
    </div>
  );
}

function NoKeys() {
  return (
    <div className="flex flex-col gap-2 rounded-xl border border-dashed border-line-strong px-3 py-3 text-sm text-fg-2">
      <p>
        No API keys yet. A program calls the models with one, through any Ollama, OpenAI or Anthropic client
        or plainly:
      </p>
      <KeyExamples secret="pdk_…" />
    </div>
  );
}

function partition<T>(all: T[], test: (one: T) => boolean): [T[], T[]] {
  return [all.filter(test), all.filter((one) => !test(one))];
}
