import { useQuery } from '@connectrpc/connect-query';
import { useState } from 'react';
import { useChange } from '../../api/change';
import { type Role, UserService } from '../../gen/paddock/v1/users_pb';
import { Badge } from '../../ui/badge';
import { Button } from '../../ui/button';
import { ErrorNotice } from '../../ui/notice';
import { Sheet } from '../../ui/sheet';
import { Skeleton } from '../../ui/skeleton';
import { toast } from '../../ui/toast';
import { listOf, wordsFor } from '../models/model-list';
import { ModelsDialog } from '../models/models-dialog';

/** What the roles allow, and which models. */
export function RolesSheet({ open, onClose }: { open: boolean; onClose: () => void }) {
  return (
    <Sheet
      open={open}
      onClose={onClose}
      title="Roles"
      description="What those who have a role may do, and which models they may use."
    >
      <Roles />
    </Sheet>
  );
}

function Roles() {
  const { data, error, refetch } = useQuery(UserService.method.listRoles, {});
  if (!data)
    return error ? <ErrorNotice error={error} onRetry={() => void refetch()} /> : <Skeleton lines={6} />;
  return (
    <div className="flex flex-col gap-3">
      <ul aria-label="Roles" className="divide-y divide-line rounded-xl border border-line">
        {data.roles.map((role) => (
          <RoleRow key={role.name} role={role} />
        ))}
      </ul>
      <p className="text-xs text-fg-3">
        Who has both roles may use what either allows. An API key can be held to fewer models, under its
        user’s credentials.
      </p>
    </div>
  );
}

function RoleRow({ role: { name, description, models } }: { role: Role }) {
  const [editing, setEditing] = useState(false);
  const close = () => setEditing(false);
  const set = useChange(UserService.method.setRoleModels, {
    meta: { inPlace: true },
    onSuccess: () => {
      toast.done(`Models of the role ${name} saved`);
      close();
    },
  });
  return (
    <li className="flex flex-col gap-2.5 px-3 py-3">
      <div className="flex items-start justify-between gap-3">
        <div className="min-w-0">
          <Badge tone={name === 'admin' ? 'accent' : 'neutral'}>{name}</Badge>
          <p className="mt-1 text-sm text-fg-2">{description}</p>
        </div>
        <Button size="sm" aria-label={`Models of the role ${name}`} onClick={() => setEditing(true)}>
          Models…
        </Button>
      </div>
      {models && models.names.length > 0 ? (
        <ul aria-label={`Models that ${name} may use`} className="flex flex-wrap gap-1.5">
          {models.names.map((model) => (
            <li key={model} className="max-w-full">
              <Badge mono whole>
                {model}
              </Badge>
            </li>
          ))}
        </ul>
      ) : (
        <p className="text-sm font-medium">{wordsFor(models?.names)}</p>
      )}
      {editing && (
        <ModelsDialog
          title={`Models of the role ${name}`}
          allowed={models?.names}
          action="Save models"
          onSave={(allowed) => set.mutate({ name, models: listOf(allowed) })}
          onClose={close}
          busy={set.isPending}
          error={set.error}
        >
          It holds from the next call on: users with this role alone, and their API keys, see no other models,
          and calls to them are refused.
        </ModelsDialog>
      )}
    </li>
  );
}
