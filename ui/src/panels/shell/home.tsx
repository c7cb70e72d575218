import { Navigate, useRouteContext } from '@tanstack/react-router';
import { useMutation } from '@tanstack/react-query';
import { Button } from '../../ui/button';
import { usePanels } from '../panel';
import { Plain } from '../plain';

/** The start: the user's first panel, or whom to ask for one. */
export default function Home() {
  const { user } = useRouteContext({ from: '/shell' });
  const first = usePanels(user).find((link) => link.panel.section !== 'Yours');
  return first ? <Navigate to={first.to} replace /> : <NoRole />;
}

function NoRole() {
  const { session, user } = useRouteContext({ from: '/shell' });
  const again = useMutation({ mutationFn: () => session.refresh(session.accessToken) });
  return (
    <Plain
      title="You are in, but nothing is open to you yet"
      actions={
        <Button busy={again.isPending} onClick={() => again.mutate()}>
          Look again
        </Button>
      }
    >
      <p>
        Your account <b className="font-medium text-fg">{user.email}</b> has no role. Ask an admin of this
        installation for the role <b className="font-medium text-fg">user</b>: it opens chat and embeddings.
      </p>
    </Plain>
  );
}
