import { useRouteContext } from '@tanstack/react-router';
import { Card, Page } from '../../ui/page';
import { Keys } from '../keys/keys';
import { Sessions } from '../sessions/sessions';
import { DAYS } from '../usage/figures';
import { UsageReport } from '../usage/usage-report';
import { ChangePassword } from './change-password';
import { Limits } from './limits';
import { Profile } from './profile';

/** What is one's own: who one is, the limits, what was used, and the ways in. */
export function Account() {
  const { user } = useRouteContext({ from: '/shell' });
  return (
    <Page title="Account" lead="Who you are here, what you may use and have used, and your ways in.">
      <div className="grid items-start gap-4 lg:grid-cols-[minmax(0,2fr)_minmax(0,3fr)]">
        <div className="flex min-w-0 flex-col gap-4">
          <Profile user={user} />
          <Limits />
          <ChangePassword user={user} />
        </div>
        <div className="flex min-w-0 flex-col gap-4">
          <Card title="Usage" aside={`The last ${DAYS} days`}>
            <UsageReport userId={user.id} empty={<NoUsage />} />
          </Card>
          <Card title="API keys" aside="For programs that call in your name">
            <Keys userId={user.id} />
          </Card>
          <Card title="Sessions" aside="Where you are signed in">
            <Sessions userId={user.id} />
          </Card>
        </div>
      </div>
    </Page>
  );
}

function NoUsage() {
  return (
    <p className="text-fg-2">
      No model has been called yet. Chat or make embeddings here, or call from a program with an API key.
    </p>
  );
}
