import { timestampDate } from '@bufbuild/protobuf/wkt';
import type { Quota, QuotaPeriod } from '../../gen/paddock/v1/usage_pb';
import { Meter } from '../../ui/meter';
import { ago } from '../../ui/time';

/** How many tokens of the day's and the month's quota are gone. */
export function QuotaMeters({ quota: { day, month } }: { quota: Quota }) {
  return (
    <>
      {day && <Period label="Tokens today" period={day} />}
      {month && <Period label="Tokens this month" period={month} />}
    </>
  );
}

function Period({
  label,
  period: { limit, used, reserved, resetsAt },
}: {
  label: string;
  period: QuotaPeriod;
}) {
  const held = reserved > 0n && `${reserved.toLocaleString()} held by running calls. `;
  if (limit === undefined) {
    return (
      <div className="flex flex-col gap-1">
        <p className="flex flex-wrap items-baseline justify-between gap-x-3">
          <span className="text-fg-2">{label}</span>
          <span className="tabular-nums">
            <b className="text-lg font-semibold">{used.toLocaleString()}</b>{' '}
            <span className="text-fg-2">used, no limit</span>
          </span>
        </p>
        {held && <p className="text-xs text-fg-3">{held}</p>}
      </div>
    );
  }
  const gone = used + reserved;
  return (
    <Meter
      label={label}
      value={Number(used)}
      max={Number(limit)}
      pending={Number(reserved)}
      tone={gone >= limit ? 'bad' : gone * 5n >= limit * 4n ? 'warn' : 'accent'}
      figure={used.toLocaleString()}
      of={`of ${limit.toLocaleString()} used`}
    >
      {used >= limit && (limit === 0n ? 'No calls of models are allowed. ' : 'Used up: calls are refused. ')}
      {held}
      {resetsAt && limit > 0n && `Resets ${ago(timestampDate(resetsAt))}.`}
    </Meter>
  );
}
