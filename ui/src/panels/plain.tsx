import { type ErrorComponentProps, Link, useRouter } from '@tanstack/react-router';
import { createContext, type ReactNode, use } from 'react';
import { Button, ButtonLink } from '../ui/button';
import { Logo } from '../ui/logo';
import { ErrorWords } from '../ui/words';

/** Whether a main landmark stands around it already. */
export const InMain = createContext(false);

/** A page that says one thing. It stands alone, or in the shell. */
export function Plain({
  title,
  children,
  actions,
}: {
  title: string;
  children: ReactNode;
  actions?: ReactNode;
}) {
  const Frame = use(InMain) ? 'div' : 'main';
  return (
    <Frame className="mx-auto flex min-h-full max-w-md flex-col items-center justify-center gap-4 px-6 py-16 text-center">
      <title>{`${title} · Paddock`}</title>
      <Link to="/" aria-label="Paddock">
        <Logo size="lg" />
      </Link>
      <h1 className="text-xl font-semibold tracking-tight text-balance">{title}</h1>
      <div className="text-balance text-fg-2">{children}</div>
      {actions && <div className="flex gap-2">{actions}</div>}
    </Frame>
  );
}

export function NotFound() {
  return (
    <Plain title="There is no such page" actions={<ButtonLink to="/">Go to the start</ButtonLink>}>
      The address may be mistyped, or what it named is gone.
    </Plain>
  );
}

/** What a panel, or the whole page, turns into when it throws. */
export function Failed({ error, reset }: ErrorComponentProps) {
  const router = useRouter();
  const retry = () => {
    reset();
    void router.invalidate();
  };
  return (
    <Plain title="That did not work" actions={<Button onClick={retry}>Try again</Button>}>
      <ErrorWords error={error} />
    </Plain>
  );
}
