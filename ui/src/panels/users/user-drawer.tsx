import { create } from '@bufbuild/protobuf';
import { useQuery } from '@connectrpc/connect-query';
import { useState } from 'react';
import { faultOf } from '../../api/errors';
import { GetUserResponseSchema, type User, UserService } from '../../gen/paddock/v1/users_pb';
import { Avatar } from '../../ui/avatar';
import { ErrorNotice, Notice } from '../../ui/notice';
import { Sheet } from '../../ui/sheet';
import { Skeleton } from '../../ui/skeleton';
import { UserDetails } from './user-details';

interface UserDrawerProps {
  /** Whose; absent when it is closed. */
  userId: string | undefined;
  /** The user as the list has them, to show at once. */
  listed: User | undefined;
  onClose: (ignoreBlocker?: boolean) => void;
}

export function UserDrawer({ userId, listed, onClose }: UserDrawerProps) {
  // While it slides out, it still shows whom it showed.
  const [shownId, setShownId] = useState(userId);
  if (userId && userId !== shownId) setShownId(userId);

  const { data, error, refetch } = useQuery(
    UserService.method.getUser,
    { id: shownId },
    {
      enabled: userId !== undefined,
      placeholderData: listed && create(GetUserResponseSchema, { user: listed }),
    },
  );
  const user = data?.user;
  const isAbsent = error && ['NOT_FOUND', 'INVALID_ARGUMENT'].includes(faultOf(error).reason);

  return (
    <Sheet open={userId !== undefined} onClose={() => onClose()} title={user ? <Name user={user} /> : 'User'}>
      {user ? (
        <UserDetails key={user.id} user={user} onDeleted={() => onClose(true)} />
      ) : isAbsent ? (
        <Notice tone="warn">There is no such user: the address may be mistyped, or they were deleted.</Notice>
      ) : error ? (
        <ErrorNotice error={error} onRetry={() => void refetch()} />
      ) : (
        <Skeleton lines={6} />
      )}
    </Sheet>
  );
}

function Name({ user: { displayName, email } }: { user: User }) {
  return (
    <span className="flex items-center gap-3">
      <Avatar name={displayName || email} size="lg" />
      <span className="min-w-0 leading-tight">
        <span className="block wrap-anywhere">{displayName || email}</span>
        {displayName && (
          <span className="block text-sm font-normal tracking-normal wrap-anywhere text-fg-2">{email}</span>
        )}
      </span>
    </span>
  );
}
