import type { DescMethod } from '@bufbuild/protobuf';
import { useMatches, useRouter } from '@tanstack/react-router';
import type { LucideIcon } from 'lucide-react';
import type { ComponentType } from 'react';
import { mayCall } from '../api/access';
import type { User } from '../gen/paddock/v1/users_pb';

/** What the frame around a panel knows of it; its route carries it as staticData. */
export interface Panel {
  title: string;
  icon: LucideIcon;
  section: 'Models' | 'Administration' | 'Yours';
  /** g and this key lead to it. */
  key: string;
  /** The calls without which it is of no use: who may not make them does not see it. */
  needs: DescMethod[];
  /** What stands in its place for who may not use it; a page that says so when absent. */
  otherwise?: ComponentType;
  /** Keys of its own, for the list of shortcuts. */
  shortcuts?: { keys: string; does: string }[];
}

declare module '@tanstack/react-router' {
  interface StaticDataRouteOption {
    panel?: Panel;
  }
}

export function mayUse(user: User, panel: Panel): boolean {
  return panel.needs.every((method) => mayCall(user, method));
}

export interface PanelLink {
  to: string;
  panel: Panel;
}

/** The panels that the user may use, in the order of the router's table, with the ways to them. */
export function usePanels(user: User): PanelLink[] {
  const router = useRouter();
  return Object.values(router.routesById).flatMap((route) => {
    const { panel } = route.options.staticData ?? {};
    // A path's optional parameters are left out: /chat/{-$conversation} is reached by /chat.
    return panel && mayUse(user, panel) ? [{ to: route.fullPath.replace(/\/\{-.*/, ''), panel }] : [];
  });
}

/** The panel that is open. */
export function useCurrentPanel(): Panel | undefined {
  return useMatches({ select: (matches) => matches.at(-1)?.staticData.panel });
}
