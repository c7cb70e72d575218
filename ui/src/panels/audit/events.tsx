import type { AuditEntry } from '../../gen/paddock/v1/audit_pb';
import { Badge, type Tone } from '../../ui/badge';

/** The event types of the contract. */
export const eventTypes = [
  'login_success',
  'login_failure',
  'login_throttled',
  'logout',
  'session_revoked',
  'refresh_reuse_detected',
  'password_set',
  'password_changed',
  'user_created',
  'user_updated',
  'user_deleted',
  'roles_changed',
  'api_key_issued',
  'api_key_revoked',
  'api_key_rotated',
  'access_denied',
  'quota_changed',
  'models_changed',
  'bootstrap',
];

type Event = Pick<AuditEntry, 'eventType' | 'outcome'>;

/** The colour of what happened: red went wrong, yellow was refused or taken away, blue was given or changed. */
export function toneOf({ eventType, outcome }: Event): Tone {
  if (eventType === 'refresh_reuse_detected' || outcome === 'failure') return 'bad';
  if (outcome === 'denied' || /revoked|deleted/.test(eventType)) return 'warn';
  if (eventType === 'login_success') return 'ok';
  return eventType === 'logout' ? 'neutral' : 'info';
}

export function EventBadge({ event }: { event: Event }) {
  return (
    <Badge mono tone={toneOf(event)}>
      {event.eventType}
    </Badge>
  );
}
