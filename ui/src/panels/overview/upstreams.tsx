import type { UpstreamHealth } from '../../gen/paddock/v1/overview_pb';
import { Status } from '../../ui/badge';
import { milliseconds } from './milliseconds';

/** The Ollama servers: whether they answer, how fast, and what runs there. */
export function Upstreams({ upstreams }: { upstreams: UpstreamHealth[] }) {
  const anyUp = upstreams.some((upstream) => upstream.up);
  return (
    <ul aria-label="Ollama servers" className="flex flex-col gap-2">
      {upstreams.map((upstream, i) => (
        <Upstream key={upstream.name || i} upstream={upstream} anyUp={anyUp} />
      ))}
    </ul>
  );
}

function Upstream({
  upstream: { name, up, latencyMs, problem, inFlight },
  anyUp,
}: {
  upstream: UpstreamHealth;
  anyUp: boolean;
}) {
  return (
    <li className="rounded-xl border border-line px-3 py-2.5">
      <p className="flex items-baseline justify-between gap-3">
        <span className="min-w-0 font-medium wrap-anywhere">
          {name ? <span className="font-mono text-xs">{name}</span> : 'Ollama'}
        </span>
        <span className="shrink-0 text-xs">
          <Status tone={up ? 'ok' : 'bad'}>{up ? 'Up' : 'Away'}</Status>
        </span>
      </p>
      <p className="mt-0.5 text-xs wrap-anywhere text-fg-3">
        {up ? (
          <>
            answers in <span className="font-mono">{milliseconds(latencyMs)}</span> ·{' '}
            {inFlight === 0 ? 'idle' : `${inFlight} ${inFlight === 1 ? 'call runs' : 'calls run'}`}
          </>
        ) : (
          <span className="text-bad-text">
            {sentence(problem)}{' '}
            {anyUp ? 'Calls go to the others that answer.' : 'Chat and embeddings fail meanwhile.'}
          </span>
        )}
      </p>
    </li>
  );
}

function sentence(words: string): string {
  return `${words.charAt(0).toUpperCase()}${words.slice(1)}${/[.!?]$/.test(words) ? '' : '.'}`;
}
