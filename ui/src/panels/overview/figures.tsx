import type { Overview } from '../../gen/paddock/v1/overview_pb';
import { Stat } from '../../ui/stat';

/** The server lists no more keys than these. */
const MOST_EXPIRING = 20;

/** The numbers of this moment, each the way to what it counts. */
export function Figures({ overview }: { overview: Overview | undefined }) {
  const inactive = overview && overview.users - overview.activeUsers;
  const expiring = overview?.expiringKeys.length ?? 0;
  const today = overview?.signInDays.at(-1);
  return (
    <div className="grid grid-cols-2 gap-4 lg:grid-cols-4">
      <Stat
        label="Active users"
        value={overview?.activeUsers}
        note={inactive ? `${inactive.toLocaleString()} more are inactive` : 'All users are active'}
        to="/users/{-$userId}"
        search={{ status: 'active' }}
      />
      <Stat
        label="Sessions"
        value={overview?.sessions}
        note="Signed in with a password"
        to="/audit/{-$entryId}"
        search={{ event: 'login_success' }}
      />
      <Stat
        label="API keys"
        value={overview?.apiKeys}
        note={expiryOf(expiring)}
        to="/audit/{-$entryId}"
        search={{ event: 'api_key' }}
      />
      <Stat
        label="Failed sign-ins today"
        value={today?.failed}
        note={`${today?.succeeded.toLocaleString()} went well`}
        to="/audit/{-$entryId}"
        search={{ event: 'login_failure', window: 'day' }}
      />
    </div>
  );
}

function expiryOf(keys: number): string {
  if (keys === 0) return 'None expires within 14 days';
  const number = keys < MOST_EXPIRING ? keys : `${keys} or more`;
  return `${number} ${keys === 1 ? 'expires' : 'expire'} within 14 days`;
}
