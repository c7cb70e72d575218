import { type Timestamp, timestampDate } from '@bufbuild/protobuf/wkt';
import type { Overview } from '../../gen/paddock/v1/overview_pb';
import { Stat, StatLink } from '../../ui/stat';
import { MOST_EXPIRING } from './expiring-keys';

/** The numbers of this moment. Where there is a list of what one counts, it is the way there. */
export function Figures({ overview }: { overview: Overview | undefined }) {
  const inactive = overview && overview.users - overview.activeUsers;
  const expiring = overview?.expiringKeys.length ?? 0;
  const today = overview?.signInDays.at(-1);
  return (
    <div className="grid grid-cols-2 gap-4 lg:grid-cols-4">
      <StatLink
        label="Active users"
        value={overview?.activeUsers}
        note={
          inactive
            ? `${inactive.toLocaleString()} more ${inactive === 1 ? 'is' : 'are'} inactive`
            : 'All users are active'
        }
        to="/users/{-$userId}"
        search={{ status: 'active' }}
      />
      <Stat label="Sessions" value={overview?.sessions} note="Signed in with a password" />
      <Stat label="API keys" value={overview?.apiKeys} note={expiryOf(expiring)} />
      <StatLink
        label="Failed sign-ins today"
        value={today?.failed}
        note={`Since midnight UTC; ${today?.succeeded.toLocaleString()} went well`}
        to="/audit/{-$entryId}"
        search={
          today && { event: 'login_failure', window: 'custom', ...counted(today.day, overview?.takenAt) }
        }
      />
    </div>
  );
}

/** The window of what was counted of a day, UTC, until a time. */
function counted(day: string, until: Timestamp | undefined) {
  return { from: `${day}T00:00:00.000Z`, to: until && timestampDate(until).toISOString() };
}

function expiryOf(keys: number): string {
  if (keys === 0) return 'None expires within 14 days';
  const number = keys < MOST_EXPIRING ? keys : `${keys} or more`;
  return `${number} ${keys === 1 ? 'expires' : 'expire'} within 14 days`;
}
