import { timestampDate } from '@bufbuild/protobuf/wkt';
import { useQuery } from '@connectrpc/connect-query';
import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { type AuditEntry } from '../../gen/paddock/v1/audit_pb';
import { UserService } from '../../gen/paddock/v1/users_pb';
import { Status, type Tone } from '../../ui/badge';
import { ButtonLink } from '../../ui/button';
import { CopyButton } from '../../ui/copy-button';
import { Time } from '../../ui/time';
import { agentName } from '../sessions/agent';

const tones: Record<string, Tone> = { success: 'ok', failure: 'bad', denied: 'warn' };

export function EntryDetails({ entry }: { entry: AuditEntry }) {
  const { occurredAt, actorUserId, actorEmail, targetUserId, ip, userAgent, outcome, detail } = entry;
  const about = targetUserId || actorUserId;
  return (
    <div className="flex flex-col gap-4">
      {detail && <p className="rounded-xl bg-hover px-3 py-2.5 wrap-anywhere">{detail}</p>}
      <dl className="divide-y divide-line">
        <Fact name="Time">
          <Time at={occurredAt} exactly />
          {occurredAt && (
            <span className="block font-mono text-xs text-fg-3">
              {timestampDate(occurredAt).toISOString()}
            </span>
          )}
        </Fact>
        <Fact name="Outcome">
          <Status tone={tones[outcome] ?? 'neutral'}>{outcome}</Status>
        </Fact>
        <Fact name="Who">
          {actorUserId ? <User id={actorUserId} email={actorEmail} /> : <Nobody email={actorEmail} />}
        </Fact>
        {targetUserId && targetUserId !== actorUserId && (
          <Fact name="To whom">
            <User id={targetUserId} />
          </Fact>
        )}
        <Fact name="IP" copy={ip}>
          <Mono>{ip}</Mono>
        </Fact>
        {userAgent && (
          <Fact name="Agent" copy={userAgent}>
            {agentName(userAgent) !== userAgent && agentName(userAgent)}
            <span className="block font-mono text-xs wrap-anywhere text-fg-2">{userAgent}</span>
          </Fact>
        )}
        <Id name="API key" id={entry.credentialId} />
        <Id name="Session" id={entry.sessionId} />
        <Id name="Request" id={entry.requestId} />
        <Id name="Entry" id={entry.id} />
      </dl>
      <div className="flex flex-wrap gap-2">
        {about && (
          <ButtonLink
            size="sm"
            to="/audit/{-$entryId}"
            params={{ entryId: undefined }}
            search={{ user: about }}
          >
            All of this user
          </ButtonLink>
        )}
        <ButtonLink
          size="sm"
          to="/audit/{-$entryId}"
          params={{ entryId: undefined }}
          search={{ event: entry.eventType }}
        >
          All {entry.eventType}
        </ButtonLink>
      </div>
    </div>
  );
}

function Fact({ name, copy, children }: { name: string; copy?: string; children: ReactNode }) {
  return (
    <div className="flex items-start gap-3 py-2.5">
      <dt className="w-20 shrink-0 text-fg-3">{name}</dt>
      <dd className="flex min-w-0 flex-1 items-start gap-3">
        <div className="min-w-0 flex-1 wrap-anywhere">{children}</div>
        {copy && (
          <div className="-my-1 pointer-coarse:-my-3">
            <CopyButton text={copy} label={`Copy ${name}`} />
          </div>
        )}
      </dd>
    </div>
  );
}

function Id({ name, id }: { name: string; id: string }) {
  if (!id) return null;
  return (
    <Fact name={name} copy={id}>
      <Mono>{id}</Mono>
    </Fact>
  );
}

function Mono({ children }: { children: string }) {
  return <span className="font-mono text-xs">{children}</span>;
}

/** Entries keep the actor's email of the time; the target's is asked for, and a deleted user has none. */
function User({ id, email }: { id: string; email?: string }) {
  const { data, error } = useQuery(UserService.method.getUser, { id }, { staleTime: 300_000, retry: false });
  const name = email || data?.user?.email || id;
  if (error) {
    return (
      <>
        {name}
        <span className="block text-xs text-fg-3">no longer a user</span>
      </>
    );
  }
  return (
    <Link
      to="/users/{-$userId}"
      params={{ userId: id }}
      className="rounded font-medium text-accent-text underline-offset-2 hover:underline"
    >
      {name}
    </Link>
  );
}

function Nobody({ email }: { email: string }) {
  if (!email) return <span className="text-fg-3">nobody who was signed in</span>;
  return (
    <>
      {email}
      <span className="block text-xs text-fg-3">as it was typed; nobody was signed in</span>
    </>
  );
}
