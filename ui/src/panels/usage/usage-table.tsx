import type { Timestamp } from '@bufbuild/protobuf/wkt';
import { useQuery } from '@connectrpc/connect-query';
import { useState } from 'react';
import { CredentialService } from '../../gen/paddock/v1/credentials_pb';
import type { UsageRow } from '../../gen/paddock/v1/usage_pb';
import { Button } from '../../ui/button';
import { ErrorNotice } from '../../ui/notice';
import { Segmented } from '../../ui/segmented';
import { Skeleton } from '../../ui/skeleton';
import { Cell, Head, Row, Table } from '../../ui/table';
import { costliest, tokensOf } from './figures';
import { useUsage } from './use-usage';

type Grouping = 'model' | 'credential';

const groupings = [
  { value: 'model', label: 'By model' },
  { value: 'credential', label: 'By API key' },
] as const;

/** How many rows are shown at first, and how many more at a time. */
const SHOWN = 8;
const STEP = 100;

/** What model calls since a time cost, by model or by API key, the costliest first. */
export function UsageTable({ userId, from }: { userId: string; from: Timestamp }) {
  const [grouping, setGrouping] = useState<Grouping>('model');
  const [shown, setShown] = useState(SHOWN);
  const usage = useUsage(userId, from, grouping);
  const rows = usage.rows && costliest(usage.rows);
  const rest = Math.max(0, (rows?.length ?? 0) - shown);
  const estimated = rows?.some(isEstimated);
  return (
    <div className="flex flex-col gap-2">
      <div>
        <Segmented label="Rows" items={[...groupings]} value={grouping} onChange={setGrouping} />
      </div>
      {usage.error && <ErrorNotice error={usage.error} onRetry={usage.retry} />}
      {!rows && !usage.error && <Skeleton lines={3} />}
      {rows && (
        <div className="overflow-hidden rounded-xl border border-line">
          <Table
            label={grouping === 'model' ? 'Usage by model' : 'Usage by API key'}
            head={
              <>
                <Head>{grouping === 'model' ? 'Model' : 'API key'}</Head>
                <Head end>Requests</Head>
                <Head end>Tokens</Head>
              </>
            }
          >
            {rows.slice(0, shown).map((row) => (
              <Row key={row.model + row.credentialId}>
                <Cell>
                  {row.model ? (
                    <span className="font-mono text-xs wrap-anywhere">{row.model}</span>
                  ) : (
                    <Key userId={userId} id={row.credentialId} />
                  )}
                </Cell>
                <Cell end>{row.requests.toLocaleString()}</Cell>
                <Cell end>
                  <Tokens row={row} />
                </Cell>
              </Row>
            ))}
          </Table>
        </div>
      )}
      {rest > 0 && (
        <div>
          <Button size="sm" look="ghost" onClick={() => setShown(shown + STEP)}>
            {rest > STEP ? `${STEP} more of ${rest.toLocaleString()}` : `${rest} more`}
          </Button>
        </div>
      )}
      {rows && usage.isPart && (
        <p className="text-xs text-fg-3">
          These are the costliest of the first {rows.length.toLocaleString()} rows.{' '}
          {usage.readsOn ? 'The others are being read.' : 'There are more.'}
        </p>
      )}
      {estimated && (
        <p className="text-xs text-fg-3">
          ≈ is estimated in part: some answers were broken off before the model told what they cost.
        </p>
      )}
    </div>
  );
}

/** Calls that failed before a model answered cost nothing, which is exact. */
function isEstimated(row: UsageRow): boolean {
  return row.estimated && tokensOf(row) > 0n;
}

function Tokens({ row }: { row: UsageRow }) {
  const { promptTokens, completionTokens } = row;
  return (
    <span
      className="whitespace-nowrap"
      title={`${promptTokens.toLocaleString()} of the prompts, ${completionTokens.toLocaleString()} of the answers`}
    >
      {isEstimated(row) && '≈ '}
      {tokensOf(row).toLocaleString()}
    </span>
  );
}

/** The key by its label; without an id, what was done with a session. */
function Key({ userId, id }: { userId: string; id: string }) {
  const { data } = useQuery(CredentialService.method.listCredentials, { userId }, { enabled: id !== '' });
  if (!id) return <>Signed in, without a key</>;
  const credential = data?.credentials.find((one) => one.id === id);
  if (!credential) return <span className="font-mono text-xs wrap-anywhere">{id}</span>;
  return (
    <span className="wrap-anywhere">
      {credential.label} <span className="font-mono text-xs text-fg-3">{credential.prefix}…</span>
    </span>
  );
}
