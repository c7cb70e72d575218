import { useQuery } from '@connectrpc/connect-query';
import { type User, UserService } from '../../gen/paddock/v1/users_pb';

/** Whether the user is the only active admin, whom the server does not let go. */
export function useIsLastAdmin(user: User): boolean {
  const isAdmin = user.active && user.roles.includes('admin');
  const { data } = useQuery(
    UserService.method.listUsers,
    { role: 'admin', active: true, pageSize: 1 },
    { enabled: isAdmin },
  );
  return isAdmin && data?.totalSize === 1;
}
