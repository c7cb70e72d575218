import { ButtonLink } from '../../ui/button';
import type { Panel } from '../panel';
import { Plain } from '../plain';

/** In place of a panel that the user's roles do not open. */
export function NotAuthorised({ panel }: { panel: Panel }) {
  const Icon = panel.icon;
  return (
    <Plain title="Not authorised" actions={<ButtonLink to="/">Go to your panels</ButtonLink>}>
      <p className="inline-flex items-center gap-1.5">
        <Icon className="size-4" aria-hidden /> {panel.title} is not open to your roles.
      </p>
      <p>If you need it, ask an admin of this installation to give you the role.</p>
    </Plain>
  );
}
