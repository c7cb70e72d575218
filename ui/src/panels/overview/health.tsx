import { useQuery } from '@connectrpc/connect-query';
import { faultOf } from '../../api/errors';
import { OllamaService } from '../../gen/paddock/v1/ollama_pb';
import type { DatabaseHealth, Overview } from '../../gen/paddock/v1/overview_pb';
import { Status } from '../../ui/badge';
import { CopyButton } from '../../ui/copy-button';
import { Card } from '../../ui/page';
import { Skeleton } from '../../ui/skeleton';
import { ErrorWords } from '../../ui/words';
import { milliseconds } from './milliseconds';
import { Upstreams } from './upstreams';

const PULL = 'ollama pull llama3.2';

/** Whether the database and the upstreams answer, what is wrong when not, and what models there are. */
export function Health({ overview }: { overview: Overview | undefined }) {
  return (
    <Card title="Health">
      {overview ? (
        <div className="flex flex-col gap-3">
          {overview.database && <Database database={overview.database} />}
          <Upstreams upstreams={overview.upstreams} />
        </div>
      ) : (
        <Skeleton lines={2} />
      )}
      <h3 className="mt-4 mb-2 border-t border-line pt-4 font-medium">Models</h3>
      <Models />
    </Card>
  );
}

const kinds: Record<string, string> = { sqlite: 'SQLite, embedded', postgres: 'PostgreSQL' };

function Database({ database }: { database: DatabaseHealth }) {
  const { kind, latencyMs, connectionsInUse, connectionsMax } = database;
  const full = connectionsMax > 0 && connectionsInUse >= connectionsMax;
  return (
    <div>
      <p className="flex items-center justify-between gap-3 font-medium">
        <Status tone={full ? 'warn' : 'ok'}>Database</Status>
        <span className="font-mono text-xs font-normal text-fg-3">{milliseconds(latencyMs)}</span>
      </p>
      <p className="pl-3.5 text-xs wrap-anywhere text-fg-3">
        {kinds[kind] ?? kind}
        {connectionsMax > 0 && ` · ${connectionsInUse} of ${connectionsMax} connections in use`}
        {full && '; calls wait for one'}
      </p>
    </div>
  );
}

function Models() {
  const { data, error } = useQuery(OllamaService.method.listModels, {}, { refetchInterval: 60_000 });
  if (error) {
    const away = faultOf(error).reason === 'UPSTREAM_UNAVAILABLE';
    return (
      <p className="text-sm text-fg-2">
        {away ? (
          'They are listed here when Ollama answers.'
        ) : (
          <>
            They cannot be listed. <ErrorWords error={error} />
          </>
        )}
      </p>
    );
  }
  if (!data) return <Skeleton lines={3} />;
  if (data.models.length === 0) {
    return (
      <div className="flex flex-wrap items-center gap-2 text-sm text-fg-2">
        <p>
          Ollama has none yet. On its machine, run <code className="font-mono text-fg">{PULL}</code>.
        </p>
        <CopyButton wide text={PULL} label="Copy command" />
      </div>
    );
  }
  return (
    <ul className="flex max-h-60 flex-col gap-2 overflow-y-auto">
      {data.models.map(({ name, sizeBytes, parameterSize }) => (
        <li key={name} className="flex items-baseline gap-3 text-sm">
          <span className="min-w-0 flex-1 font-mono text-xs wrap-anywhere">{name}</span>
          <span className="text-xs text-fg-3">{parameterSize}</span>
          <span className="w-16 text-right text-xs text-fg-2 tabular-nums">{size(sizeBytes)}</span>
        </li>
      ))}
    </ul>
  );
}

function size(bytes: bigint): string {
  const megabytes = Number(bytes) / 1e6;
  if (megabytes < 1000) return `${Math.ceil(megabytes)} MB`;
  return `${(megabytes / 1000).toFixed(megabytes < 10_000 ? 1 : 0)} GB`;
}
