import { type DescMethod, getOption } from '@bufbuild/protobuf';
import { access, AccessRule_Level as Level } from '../gen/paddock/v1/access_pb';
import type { User } from '../gen/paddock/v1/users_pb';

/**
 * Whether the server would let the user call the method, by the access rule that the method carries in its descriptor.
 * It decides what is shown; the server decides what is done.
 */
export function mayCall(user: User, method: DescMethod): boolean {
  switch (getOption(method, access).level) {
    case Level.PUBLIC:
    case Level.SIGNED_IN:
      return true;
    case Level.USER:
      return user.roles.includes('user') || user.roles.includes('admin');
    case Level.ADMIN:
      return user.roles.includes('admin');
    default:
      return false;
  }
}
