import { useMutation } from '@tanstack/react-query';
import { useRouteContext } from '@tanstack/react-router';
import { refusalOf, seconds } from '../api/errors';
import { Button } from '../ui/button';
import { Field, Input, PasswordInput } from '../ui/field';
import { Form } from '../ui/form';
import { Logo } from '../ui/logo';
import { Notice } from '../ui/notice';
import { useNow } from '../ui/use-now';

export function SignIn() {
  const { session } = useRouteContext({ from: '/sign-in' });
  const signIn = useMutation({
    mutationFn: (values: FormData) => session.signIn(text(values, 'email'), text(values, 'password')),
    meta: { inPlace: true },
  });
  const { retryAt = 0 } = signIn.error ? refusalOf(signIn.error) : {};
  const wait = Math.max(0, Math.ceil((retryAt - useNow(retryAt)) / 1000));

  return (
    <main className="mx-auto flex min-h-full w-full max-w-[25rem] flex-col justify-center gap-7 px-5 py-10">
      <title>Sign in · Paddock</title>
      <header className="flex flex-col items-center gap-3 text-center">
        <Logo size="lg" />
        <div>
          <h1 className="text-xl font-semibold tracking-tight">Sign in to Paddock</h1>
          <p className="mt-1 text-fg-2">The gate to this organisation’s models</p>
        </div>
      </header>
      <div className="rounded-2xl border border-line bg-panel p-5 shadow-pop">
        {session.ended && !signIn.error && (
          <div className="mb-4">
            <Notice>
              You were signed out: the session ran out, or it was ended elsewhere. Sign in again; if that is
              refused, ask an admin.
            </Notice>
          </div>
        )}
        <Form error={signIn.error} onSubmit={(values) => signIn.mutate(values)}>
          <Field label="Email" name="email">
            <Input
              type="email"
              autoComplete="username"
              autoCapitalize="none"
              spellCheck={false}
              required
              autoFocus
            />
          </Field>
          <Field label="Password" name="password">
            <PasswordInput autoComplete="current-password" required />
          </Field>
          <Button type="submit" look="primary" wide busy={signIn.isPending} disabled={wait > 0}>
            {wait > 0 ? `Wait ${seconds(wait)}` : 'Sign in'}
          </Button>
        </Form>
      </div>
      <p className="text-center text-xs text-fg-3">No account, or no password any more? Ask an admin.</p>
    </main>
  );
}

function text(values: FormData, name: string): string {
  return String(values.get(name) ?? '');
}
