import type { User } from '../../gen/paddock/v1/users_pb';

/** Settings of a user as the admin has changed them; what is absent is left as it is. */
export type Draft = Partial<Pick<User, 'displayName' | 'active' | 'roles'>>;

/** What of the draft differs from what the user is. */
export function changesOf(user: User, { displayName, active, roles }: Draft): Draft {
  return {
    ...(displayName !== undefined && displayName !== user.displayName && { displayName }),
    ...(active !== undefined && active !== user.active && { active }),
    ...(roles !== undefined && String(roles) !== String(user.roles) && { roles }),
  };
}

export function isChanged(user: User, draft: Draft): boolean {
  return Object.keys(changesOf(user, draft)).length > 0;
}

/** The roles with one given or taken, in the server's order. */
export function withRole(roles: string[], role: string, given: boolean): string[] {
  const others = roles.filter((other) => other !== role);
  return given ? [...others, role].toSorted() : others;
}
