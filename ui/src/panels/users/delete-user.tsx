import { createConnectQueryKey } from '@connectrpc/connect-query';
import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useChange } from '../../api/change';
import { type User, UserService } from '../../gen/paddock/v1/users_pb';
import { Button } from '../../ui/button';
import { ConfirmDialog } from '../../ui/confirm-dialog';
import { toast } from '../../ui/toast';

interface DeleteUserProps {
  user: User;
  lastAdmin: boolean;
  onDeleted: () => void;
}

export function DeleteUser({ user, lastAdmin, onDeleted }: DeleteUserProps) {
  const [asking, setAsking] = useState(false);
  const close = () => setAsking(false);
  const queryClient = useQueryClient();
  const remove = useChange(UserService.method.deleteUser, {
    onSuccess: () => {
      // What is still on the screen of the user is gone on the server: it is not asked for at once.
      const queryKey = createConnectQueryKey({ schema: UserService.method.getUser, cardinality: 'finite' });
      void queryClient.invalidateQueries({ queryKey, refetchType: 'none' });
      toast.done(`Deleted ${user.email}`);
      onDeleted();
    },
    onSettled: close,
  });
  return (
    <div className="flex flex-wrap items-center justify-between gap-3">
      <p className="min-w-0 flex-1 basis-56 text-xs text-fg-3">
        {lastAdmin
          ? 'Locked: this is the last active admin. Make another user an admin first.'
          : 'For good. To shut somebody out for a while, make them inactive.'}
      </p>
      <Button look="danger" disabled={lastAdmin} onClick={() => setAsking(true)}>
        Delete user
      </Button>
      <ConfirmDialog
        open={asking}
        onClose={close}
        title={`Delete ${user.email}?`}
        action="Delete"
        typed={user.email}
        busy={remove.isPending}
        onConfirm={() => remove.mutate({ id: user.id })}
      >
        Their sessions and API keys end at once and are removed with them. What the audit trail tells of them
        stays.
      </ConfirmDialog>
    </div>
  );
}
