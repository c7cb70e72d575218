import { Code, ConnectError, createClient, type Client, type Transport } from '@connectrpc/connect';
import { AuthService } from '../gen/paddock/v1/auth_pb';
import type { User } from '../gen/paddock/v1/users_pb';

/** What a sign-in or a refresh gives. */
interface Grant {
  accessToken: string;
  user: User;
}

/** What the tabs of this browser tell each other. It goes through memory alone. */
type News = { kind: 'granted'; grant: Grant } | { kind: 'signed out'; ended: boolean };

/** Says that a cookie may be there to refresh with, so that a stranger's visit costs no refused call. Not a secret. */
const HINT = 'paddock.signed-in';

/** How long the server may take to end a session, in milliseconds. */
const PATIENCE = 10_000;

/**
 * The one sign-in of this browser.
 *
 * The access token lives in this object and nowhere else. The refresh token is an HttpOnly cookie, which scripts cannot
 * read; a page on another origin than the server gets no cookie, and keeps the refresh token in this object too.
 *
 * All tabs are signed in and out together, and share what a refresh gives.
 */
export class Session {
  /** Who is signed in. */
  user: User | undefined;
  accessToken: string | undefined;
  /** Whether nobody is signed in because the session ran out, or was ended by others. */
  ended = false;

  readonly #auth: Client<typeof AuthService>;
  readonly #withCookie: boolean;
  readonly #tabs = new BroadcastChannel('paddock.session');
  readonly #listeners = new Set<() => void>();
  #refreshToken = '';
  #refreshing: Promise<void> | undefined;
  /** Counts sign-ins, refreshes and sign-outs: what began before one of them does not decide over what came after. */
  #changes = 0;
  #restored: Promise<void> | undefined;

  /** The transport adds no credentials of its own: what fails with them must not lead to a refresh here. */
  constructor(transport: Transport, options: { withCookie: boolean }) {
    this.#auth = createClient(AuthService, transport);
    this.#withCookie = options.withCookie;
    this.#tabs.addEventListener('message', ({ data }: MessageEvent<News>) => {
      if (data.kind === 'granted') this.#adopt(data.grant);
      else this.#adopt(undefined, data.ended);
    });
  }

  /** Calls back whenever somebody else, or nobody, is signed in, or the user has changed. */
  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** Goes on with the session that this browser had. Throws when the server does not answer; then it may be called again. */
  restore(): Promise<void> {
    this.#restored ??= this.#restore().catch((thrown: unknown) => {
      this.#restored = undefined;
      throw thrown;
    });
    return this.#restored;
  }

  async signIn(email: string, password: string): Promise<void> {
    const answer = await this.#auth.login({ email, password, cookie: this.#withCookie });
    this.#take(answer);
  }

  /**
   * Ends the session in every tab, and on the server. Throws when the server could not be told; the tabs are signed out
   * all the same, and stay so until somebody signs in.
   */
  async signOut(): Promise<void> {
    const { user } = this;
    try {
      await this.#logOut();
    } catch (thrown) {
      if (ConnectError.from(thrown).code !== Code.Unauthenticated) throw thrown; // else it was over already
    } finally {
      if (this.user && this.user.id === user?.id) this.#end({ ended: false });
    }
  }

  /**
   * Gets a new access token in place of the one that was refused: one refresh for all that wait, in all tabs. Throws, and
   * signs out, when the session is over. Who has signed out is not brought back.
   */
  refresh(refused: string | undefined): Promise<void> {
    if (!this.user) return Promise.reject(new ConnectError('nobody is signed in', Code.Unauthenticated));
    return this.#renew(refused);
  }

  #renew(refused: string | undefined): Promise<void> {
    if (this.accessToken !== refused) return Promise.resolve(); // somebody was quicker
    this.#refreshing ??= oneTabAtATime(() => this.#refresh(refused)).finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  async #restore(): Promise<void> {
    if (!this.#withCookie || localStorage.getItem(HINT) === null) return;
    try {
      await this.#renew(undefined);
    } catch (thrown) {
      if (ConnectError.from(thrown).code !== Code.Unauthenticated) throw thrown;
    }
  }

  /** An access token that has expired is renewed first: the session behind it has not. */
  async #logOut(): Promise<void> {
    const refused = this.accessToken;
    const tell = () =>
      this.#auth.logout(
        {},
        { headers: { Authorization: `Bearer ${this.accessToken}` }, timeoutMs: PATIENCE },
      );
    try {
      await tell();
    } catch (thrown) {
      if (ConnectError.from(thrown).code !== Code.Unauthenticated) throw thrown;
      const { user } = this;
      await this.refresh(refused);
      if (this.user?.id === user?.id) await tell();
    }
  }

  async #refresh(refused: string | undefined): Promise<void> {
    if (this.accessToken !== refused) return; // another tab was quicker
    const before = this.#changes;
    try {
      const answer = await this.#auth.refresh({ refreshToken: this.#refreshToken });
      if (this.#changes === before) this.#take(answer);
    } catch (thrown) {
      if (this.#changes !== before) return; // somebody signed in or out meanwhile
      if (ConnectError.from(thrown).code === Code.Unauthenticated) this.#end({ ended: true });
      throw thrown;
    }
  }

  #take(answer: { accessToken: string; refreshToken: string; user?: User }): void {
    if (!answer.user) throw new ConnectError('the server did not say who signed in', Code.Internal);
    const grant = { accessToken: answer.accessToken, user: answer.user };
    this.#refreshToken = answer.refreshToken;
    if (this.#withCookie) this.#tell({ kind: 'granted', grant });
    localStorage.setItem(HINT, '1');
    this.#adopt(grant);
  }

  #end({ ended }: { ended: boolean }): void {
    this.#tell({ kind: 'signed out', ended });
    localStorage.removeItem(HINT);
    this.#adopt(undefined, ended);
  }

  #adopt(grant: Grant | undefined, ended = false): void {
    this.#changes++;
    this.ended = ended;
    this.accessToken = grant?.accessToken;
    this.user = grant?.user;
    for (const listener of this.#listeners) listener();
  }

  #tell(news: News): void {
    this.#tabs.postMessage(news);
  }
}

/**
 * Runs the function while no other tab of this browser runs its own. Browsers have locks on secure origins only; elsewhere
 * the server forgives two refreshes at once.
 */
async function oneTabAtATime(run: () => Promise<void>): Promise<void> {
  if (!navigator.locks) return run();
  return navigator.locks.request('paddock.refresh', run);
}
