import { ArrowRight, CircleCheck } from 'lucide-react';
import type { User } from '../../gen/paddock/v1/users_pb';
import { ButtonLink } from '../../ui/button';

/** Says who was created, and leads on to them. */
export function Created({ user }: { user: User | undefined }) {
  return (
    <div role="status">
      {user && (
        <div className="mb-4 flex flex-wrap items-center gap-x-3 gap-y-2 rounded-xl bg-ok-soft px-3 py-2.5 text-sm text-ok-text">
          <CircleCheck className="size-4 shrink-0" aria-hidden />
          <p className="min-w-0 flex-1 basis-56 font-medium wrap-anywhere">Created {user.email}</p>
          <ButtonLink to="/users/{-$userId}" params={{ userId: user.id }} size="sm">
            Roles, password and API keys
            <ArrowRight aria-hidden />
          </ButtonLink>
        </div>
      )}
    </div>
  );
}
